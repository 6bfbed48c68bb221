// Package gnetpoll runs loops over gnet and epoll, on Linux. It is the only
// package that knows gnet.
//
// gnet accepts, reads and closes. Its write side is unbounded, copies, and does
// not report when a connection takes bytes again. So sends are non-blocking
// system calls on the descriptor (wire.go), and a second epoll instance gives
// the notices (watcher.go).
//
// gnet reports neither its epoll instances nor its listening sockets. The
// engine finds both among the descriptors that the process has open
// (descriptors.go), once, when it starts:
//
//   - parker.go: an idle loop waits in the runtime's poller, not in gnet's
//     system call, which Go's scheduler makes expensive.
//   - wire.go: a paused connection leaves gnet's epoll instance.
//   - listeners.go, accepterror.go: accept fails without ending gnet's loop.
//   - retire.go: listening sockets are closed while gnet runs.
//
// The rest: engine.go starts and ends gnet (runner.go) and binds the loops to
// gnet's; events.go is what gnet calls; poller.go is a loop's backend, which
// wakes it and moves connections; port.go reserves the port; reserve.go keeps
// descriptors for connections that move.
//
// # Threading
//
// Each poller belongs to the goroutine on which gnet runs its loop. Package
// backend says which methods are safe for concurrent use.
package gnetpoll
