// Package loop moves bytes between connections and handlers on event loops. It
// knows no protocol. Package eio is its caller.
//
// # Threading
//
// An Engine runs a fixed number of Loops, one goroutine each. A Conn, its
// Handler's callbacks and a Timer belong to one Loop and are touched only on
// its goroutine; that is what "loop-owned" means here. Loop.Post,
// Loop.PostFunc, Engine's methods and Frame's reference counting are safe for
// concurrent use; everything from other goroutines reaches a loop through its
// mailbox.
//
// # A burst
//
// A loop works in bursts: something happened (bytes arrived, a connection was
// opened or lost, the mailbox was woken), callbacks run, and then the burst is
// ended: due timers fire, the mailbox is drained, queued frames are written,
// deferred closes are carried out. No connection is closed while a callback is on
// the stack, and nothing is written, with one exception: before what is queued
// would pass Config.MaxQueued, Send, Admit and MakeRoom offer it to the kernel at
// once. Flushed and Blocked are called at the end of the burst all the same.
//
// Bytes in: gnet reads into the loop's shared buffer and the Handler gets that
// very buffer. Bytes out: Conn.Send queues a reference to a Frame. When the
// burst of a connection made only that connection dirty, its frames are
// written at once; otherwise all dirty connections wait for the turn, which the
// loop runs after the events that the poller reported together, so that what
// arrives close together shares one send.
//
// # Ends of callbacks
//
// A callback or task may return, panic or call runtime.Goexit, as a test's
// FailNow does; it costs its connection at most. gnet's goroutine must not end,
// so bursts run on a coroutine (type stand), 60 ns a burst, which is replaced
// when a callback has ended it. What is left of the burst runs on the next one,
// which is why all lists of a Loop are complete whenever a callback is on the
// stack. A callback that blocks stops its loop, and nothing can be done about
// it.
//
// # gnet
//
// gnet accepts, reads and closes. The write side is this package's own, because
// gnet's is unbounded, copies, and has no drain notice: sends are non-blocking
// system calls on the descriptor, and a second epoll instance tells when a
// connection that refused bytes takes them again.
//
// A loop that has nothing to do waits in the runtime's poller, not in gnet's
// system call, which Go's scheduler makes dear: see type rest.
//
// # Pausing
//
// A connection whose handler has enough is paused (Conn.Pause): its socket
// leaves gnet's epoll instance, so the kernel's buffers fill and TCP slows the
// peer down, and comes back with Conn.Resume. What was read but not used waits
// in a pooled Frame. A connection that is never paused pays nothing for it.
//
// # Ways in
//
// Listen's own listeners (an engine of Start has none), and Engine.Adopt for
// connections that were accepted elsewhere: a plain TCP or unix connection goes
// to the poller like those of Listen; any other, such as TLS, is driven by
// goroutines of its own behind the same Conn (type relay).
//
// The way out, beside closing, is Conn.Detach: it makes a net.Conn of a
// connection and forgets it.
//
// # Descriptors
//
// The kernel hands out the lowest free number, therefore a new connection whose
// number is close to RLIMIT_NOFILE shows that the process, whatever part of it
// holds them, is about to run out; it is closed at once and counted as
// rejected. When accept itself fails, because other parts of the process have
// taken the last descriptors or the system is short of memory, the loop goes on
// with its connections and accepts again after a pause; until then new ones
// wait in the kernel's queue. The log has the first failure, and
// Stats.AcceptFailures counts them. Connections that move between loops wait
// for descriptors too; an engine holds 16 in reserve, by which they leave their
// loops. See type acceptError for how gnet, which would end, is kept from it.
//
// # Memory
//
// When more than half of a loop's connections have left, 1,024 at least having
// been there, and are not becoming fewer between two looks, the engine has the
// runtime collect garbage, twice in a row, off the loops and at most every
// thirty seconds. The same goes for bytes that are held for peers (Loop.Hold,
// and what waits for peers that do not read), 16 MiB at least. The runtime then
// returns the memory to the system at its own pace.
package loop
