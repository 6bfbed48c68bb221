// Package loop moves bytes between connections and handlers on event loops. It
// knows no protocol. Package eio uses it.
//
// # Threading
//
// An Engine runs a fixed number of Loops, one goroutine each. A Conn, its
// Handler's callbacks and a Timer are loop-owned: they belong to one Loop and
// are used only on its goroutine. Loop.Post, Loop.PostFunc, Engine's methods
// and Frame's reference counting are safe for concurrent use. Other goroutines
// use a loop through its mailbox. With the build tag invariants, a loop-owned
// method panics when another goroutine calls it.
//
// # How data flows
//
// In: the backend reads, and Conn passes its buffer to the Handler without a
// copy, borrowed until Data returns. Out: Conn.Send queues a reference to a
// Frame, and the loop writes what is queued when the burst ends.
//
//	in    backend ─► upcalls (burst.go) ─► Conn (conn.go) ─► Handler
//	out   Conn.Send (send.go) ─► outbox.go ─► backend.Wire
//	post  Loop.Post ─► mailbox.go ─► the loop's next burst
//
// A [Frame] is bytes to be sent, whatever they mean. Packages eio and sio make
// and read the protocols' packets and messages. Frames larger than 1 KiB, and
// what goroutines are about to write, use buffers of bytebufferpool: it learns
// which sizes are in use, so that a burst of large frames does not leave large
// buffers behind.
//
// # A burst
//
// A loop works in bursts. A burst begins with an event: bytes have arrived, a
// connection was opened or lost, the mailbox has tasks. Callbacks run. Then the
// burst ends: due timers expire, tasks run, queued frames are written,
// connections that were closed meanwhile leave. While a callback is on the
// stack no connection is closed and nothing is written, with one exception: if
// the queue would exceed Config.MaxQueued, Send, Admit and MakeRoom first try
// to write it. Flushed and Blocked are still called at the end of the burst.
//
// A connection with newly queued frames is dirty. If the burst of a connection
// has made only that connection dirty, its frames are written when the burst
// ends. Otherwise dirty connections wait for the turn, a burst that the loop
// runs once all events that the poller reported together are handled. So frames
// that are queued close together share one send.
//
// # Ends of callbacks
//
// A callback or task may return, panic or call runtime.Goexit, as a test's
// FailNow does; at most its connection is closed. The backend's goroutine must
// not end, so bursts run on a coroutine. It costs 60 ns a burst and is replaced
// when a callback has ended it; the rest of the burst runs on the new one. So
// all lists of a Loop must be complete whenever a callback is called. A
// callback that blocks stops its loop.
//
// # Backends
//
// Package internal/backend is the interface between loops and what moves the
// bytes. On Linux internal/gnetpoll implements it, over gnet and epoll. On
// other systems, and on Linux with the build tag goroutines, internal/goroutine
// does: it needs up to two goroutines for each connection, 5.4 KB instead of
// 0.5 KB while the connection is idle, and a copy of what is sent. It is meant
// for development. Loops, limits, back-pressure, pauses and shutdown work
// alike.
//
// # Pausing
//
// A handler that can take no more pauses its connection (Conn.Pause). The
// backend stops reading, so the kernel's buffers fill and TCP slows the peer
// down, until Conn.Resume. What was read but not used waits in a pooled Frame.
// A connection that is never paused pays nothing for it.
//
// # Ways in and out
//
// Connections come from the listeners of Listen and Engine.Serve, and from
// Engine.Adopt if they were accepted elsewhere. The loops accept on the port of
// Listen themselves, which on Linux costs least. On other listeners a goroutine
// for each loop accepts. The poller holds TCP and unix connections, plain ones
// and those that Config.TLS or AdoptOptions.TLS encrypts. Any other, such as a
// *tls.Conn, is driven by goroutines, with the same Conn. Connections leave by
// Close, by Conn.MoveTo to another loop, or by Conn.Detach, which
// makes a net.Conn of a connection.
//
// # TLS
//
// A TLS connection of the poller has a tlsSocket as its socket and Wire. Its
// handshake runs on a goroutine, from the client's complete first message to
// its last. Afterwards the loop passes complete records to a tls.Conn, and
// encrypts what it sends, with buffers that all connections of the loop share.
// A plain connection has none of that.
//
// # Descriptors
//
// The kernel gives a new descriptor the lowest free number. So if the number of
// a new connection is close to RLIMIT_NOFILE, the process is about to run out
// of descriptors, whichever part of it holds them. Such a connection is closed
// at once and counted as rejected. If accept itself fails, because other parts
// of the process have taken the last descriptors or the system lacks memory,
// the loop serves its connections and accepts again after a pause. Until then
// new ones wait in the kernel's queue. The first failure is logged, and
// Stats.AcceptFailures counts all. Connections that move between loops wait for
// descriptors too; gnetpoll has a reserve of 16, with which they leave their
// loops.
//
// # Memory
//
// If a loop had at least 1,024 connections, more than half of them have left,
// and their number no longer falls, the engine has the runtime collect garbage:
// twice in a row, on another goroutine, at most every thirty seconds. It does
// the same if a loop held at least 16 MiB for peers (Loop.Hold, and what is
// queued for peers that do not read) and more than half is released. The
// runtime then returns the memory to the system at its own pace.
//
// # Files
//
//	engine.go listen.go host.go         start, and the backend's calls
//	serve.go bind.go                    further listeners, unix sockets
//	adopt.go shutdown.go stats.go       the rest of Engine
//	loop.go burst.go mailbox.go         a loop, its bursts and its tasks
//	coroutine.go callbacks.go onloop.go callbacks that may end in any way
//	owned.go                            checks, with the tag invariants
//	conn.go pause.go close.go           a connection
//	move.go detach.go stream.go         moves, net.Conns, goroutines
//	send.go outbox.go frame.go          what is queued and written
//	tls.go tlssocket.go tlstransport.go a TLS connection
//	tlsrecords.go tlssend.go            its records
//	handshake.go handshakerun.go        its handshake
//	places.go tlsstream.go              which handshakes run; by goroutines
//	tlsdetach.go                        a TLS connection that leaves
//	block.go overflow.go                peers that do not take it
//	timer.go wheel.go lag.go            timers, also of a late loop
//	shrink.go collect.go                memory when many have left
//	driver.go simulate.go looptest      loops and engines in memory, for tests
package loop
