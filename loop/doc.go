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
// In: the backend reads, and Conn gives the Handler the very buffer, borrowed
// until Data returns. Out: Conn.Send queues a reference to a Frame, and the loop
// writes what is queued when the burst ends.
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
// deferred closes are carried out. No connection is closed while a callback is
// on the stack. Nothing is written then either, with one exception: before what
// is queued would pass Config.MaxQueued, Send, Admit and MakeRoom offer it to the
// kernel at once. Flushed and Blocked are still called at the end of the burst.
//
// When the burst of a connection made only that connection dirty, its frames are
// written at once. Otherwise all dirty connections wait for the turn, which the
// loop runs after the events that the poller reported together, so that what
// arrives close together shares one send.
//
// # Ends of callbacks
//
// A callback or task may return, panic or call runtime.Goexit, as a test's
// FailNow does; it costs its connection at most. The backend's goroutine must
// not end, so bursts run on a coroutine, 60 ns a burst, which is replaced when a
// callback has ended it. What is left of the burst runs on the next one, which
// is why all lists of a Loop are complete whenever a callback is on the stack. A
// callback that blocks stops its loop; nothing can be done about that.
//
// # Backends
//
// Package internal/backend is the interface to what moves the bytes. On Linux
// that is internal/gnetpoll, over gnet and epoll. Elsewhere, and on Linux with
// the build tag goroutines, it is internal/goroutine: two goroutines at most for
// each connection, 5.4 KB instead of 0.5 KB while it is idle, and a copy of what
// is sent. It is meant for development. Loops, limits, back-pressure, pauses and
// shutdown work alike.
//
// # Pausing
//
// A connection whose handler has enough is paused (Conn.Pause): the backend
// stops reading, so the kernel's buffers fill and TCP slows the peer down, until
// Conn.Resume. What was read but not used waits in a pooled Frame. A connection
// that is never paused pays nothing for it.
//
// # Ways in and out
//
// Connections come from Listen's own listeners (an engine of Start has none),
// and from Engine.Adopt if they were accepted elsewhere: the poller holds a plain
// TCP or unix connection; any other, such as TLS, is driven by goroutines
// behind the same Conn. They leave by Close, by Conn.MoveTo to another loop, or by
// Conn.Detach, which makes a net.Conn of a connection and forgets it.
//
// # Descriptors
//
// The kernel hands out the lowest free number. So a new connection whose number
// is close to RLIMIT_NOFILE shows that the process, whatever part of it holds
// them, is about to run out; it is closed at once and counted as rejected. When
// accept itself fails, because other parts of the process have taken the last
// descriptors or the system is short of memory, the loop goes on with its
// connections and accepts again after a pause. Until then new ones wait in the
// kernel's queue. The log has the first failure, and Stats.AcceptFailures counts
// them. Connections that move between loops wait for descriptors too; gnetpoll
// holds 16 in reserve, with which they leave their loops.
//
// # Memory
//
// When more than half of a loop's connections have left, of at least 1,024, and
// their number has come to rest, the engine has the runtime collect garbage,
// twice in a row, off the loops and at most every thirty seconds. The same goes
// for bytes that are held for peers (Loop.Hold, and what waits for peers that do
// not read), of at least 16 MiB. The runtime then returns the memory to the
// system at its own pace.
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
//	driver.go looptest                  loops in memory, for tests
package loop
