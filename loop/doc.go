// Package loop moves bytes between connections and handlers on event loops. It
// knows no protocol. Package eio is its caller.
//
// # Threading
//
// An Engine runs a fixed number of Loops, one goroutine each. A Conn, its
// Handler's callbacks and a Timer belong to one Loop and are touched only on
// its goroutine; that is what "loop-owned" means here. Loop.Post,
// Loop.PostFunc, Engine's methods and Frame's reference counting are safe for
// concurrent use. All other goroutines reach a loop through its mailbox.
//
// # The way of the data
//
// In: the backend reads, and Conn passes its buffer to the Handler without a
// copy, borrowed until Data returns. Out: Conn.Send queues a reference to a
// Frame, and the loop writes what is queued when the burst ends.
//
//	in    backend ─► upcalls (burst.go) ─► Conn (conn.go) ─► Handler
//	out   Conn.Send (send.go) ─► outbox.go ─► backend.Wire
//	post  Loop.Post ─► mailbox.go ─► the loop's next burst
//
// A frame is bytes on their way to the wire, whatever they mean: [Frame]. The
// packets and messages of the protocols are made and read by packages eio and
// sio. bytebufferpool holds the bytes of frames larger than 1 KiB, and what
// goroutines are about to write: it learns which sizes are in use, so that a
// burst of large frames does not leave large buffers behind.
//
// # A burst
//
// A loop works in bursts: something happened (bytes arrived, a connection was
// opened or lost, the mailbox was woken), callbacks run, and then the burst
// ends: due timers fire, the mailbox is drained, queued frames are written,
// deferred closes are carried out. While a callback is on the stack no
// connection is closed and nothing is written, with one exception: if the queue
// would exceed Config.MaxQueued, Send, Admit and MakeRoom first try to write
// it. Flushed and Blocked are still called at the end of the burst.
//
// A connection with newly queued frames is dirty. If the burst of a connection
// made only that connection dirty, its frames are written when the burst ends.
// Otherwise dirty connections wait for the turn: the loop runs it once all
// events that the poller reported together are handled, so frames that are
// queued close together share one send.
//
// # Ends of callbacks
//
// A callback or task may return, panic or call runtime.Goexit, as a test's
// FailNow does; at most its connection is lost. The backend's goroutine must
// not end, so bursts run on a coroutine, which costs 60 ns a burst and is
// replaced when a callback has ended it. The rest of the burst runs on the new
// coroutine. So all lists of a Loop must be complete whenever a callback is
// called. A callback that blocks stops its loop; nothing can be done about
// that.
//
// # Backends
//
// Package internal/backend is the interface to what moves the bytes. On Linux
// that is internal/gnetpoll, over gnet and epoll. Elsewhere, and on Linux with
// the build tag goroutines, it is internal/goroutine: two goroutines at most
// for each connection, 5.4 KB instead of 0.5 KB while it is idle, and a copy of
// what is sent. It is meant for development. Loops, limits, back-pressure,
// pauses and shutdown work alike.
//
// # Pausing
//
// A handler that can take no more pauses its connection (Conn.Pause): the
// backend stops reading, so the kernel's buffers fill and TCP slows the peer
// down, until Conn.Resume. What was read but not used waits in a pooled Frame.
// A connection that is never paused pays nothing for it.
//
// # Ways in and out
//
// Connections come from Listen's own listeners (an engine of Start has none),
// and from Engine.Adopt if they were accepted elsewhere: the poller holds a
// plain TCP or unix connection; any other, such as TLS, is driven by goroutines
// behind the same Conn. They leave by Close, by Conn.MoveTo to another loop, or
// by Conn.Detach, which makes a net.Conn of a connection and forgets it.
//
// # Descriptors
//
// The kernel gives a new descriptor the lowest free number. So a new connection
// whose number is close to RLIMIT_NOFILE shows that the process is about to run
// out of descriptors, whichever part of it holds them. Such a connection is
// closed at once and counted as rejected. When accept itself fails, because
// other parts of the process have taken the last descriptors or the system is
// short of memory, the loop goes on with its connections and accepts again
// after a pause. Until then new ones wait in the kernel's queue. The log has
// the first failure, and Stats.AcceptFailures counts them. Connections that
// move between loops wait for descriptors too; gnetpoll holds 16 in reserve,
// with which they leave their loops.
//
// # Memory
//
// When a loop had at least 1,024 connections, more than half of them have left,
// and their number no longer falls, the engine has the runtime collect garbage:
// twice in a row, on another goroutine, at most every thirty seconds. It does
// the same when a loop held at least 16 MiB for peers (Loop.Hold, and what
// waits for peers that do not read) and more than half is released. The runtime
// then returns the memory to the system at its own pace.
//
// # Files
//
//	engine.go listen.go host.go         start, and what the backend calls of the engine
//	adopt.go shutdown.go stats.go       the rest of Engine
//	loop.go burst.go mailbox.go         a loop, its bursts and its tasks
//	coroutine.go callbacks.go onloop.go callbacks that may end in any way
//	conn.go pause.go close.go           a connection
//	move.go detach.go stream.go         between loops, out of them, by goroutines
//	send.go outbox.go frame.go          what is queued and written
//	block.go overflow.go                peers that do not take it
//	timer.go wheel.go lag.go            timers, also of a loop that is late
//	shrink.go collect.go                memory after many have left
//	driver.go simulate.go looptest      loops and engines in memory, for tests
package loop
