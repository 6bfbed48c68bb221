// Package simulation runs whole servers against models of their clients, in one
// process, on a virtual clock and an in-memory network, as a seed determines.
// An oracle checks what the servers promise.
//
//	make simulate ARGS="-seed 7 -for 10m"
//
// # A run
//
// [Draw] draws the options of a run from its seed, and plan draws its steps:
// clients connect, emit, stall, fall silent, are cut at any byte and come back;
// the application broadcasts; nodes die and return; the bus between them
// delays, and loses what it carries while two nodes are cut off from each
// other. The world carries the steps out, lets all that is under way arrive,
// checks that each client has what it must have, has all clients leave, checks
// that nothing is left, and shuts the servers down.
//
// # What decides
//
// [Run] runs in a bubble of testing/synctest, on one processor. The world's
// goroutine plays all loops (looptest.Network), all clients and the bus. It
// does one thing at a time: one wait of a loop's poller, one read of a client,
// one message of the bus, one step. In between it waits until all other
// goroutines are blocked. The application's goroutines block at gates, which
// the world opens one by one. So the seed decides what comes next, and time
// passes only when nothing is ready.
//
// Ids come from testing/cryptotest. What is left to the runtime is the order of
// timers of one instant, of maps, and of goroutines that wake up together. All
// that happens goes into a hash, and each seed is run twice: a run that differs
// fails. A WebAssembly build would be deterministic by construction, but
// slower, and needs a runtime.
//
// # The oracle
//
// For each socket of a server the oracle has the messages that each sender has
// sent to it, in order: those that must arrive, and those that may. It knows
// them because the application holds the world's mutex around each call of the
// server and computes the recipients from its own model of the rooms. A
// broadcast to other nodes is computed when the bus delivers it. The oracle
// shares no code with what it judges: packet.go has parsers of its own, and
// the recipients of a message on the bus are those that it was emitted with.
//
//	at most once, in order, nothing lost    oracle.go, member.received, checkSocket
//	nothing of one client at another        the same, and clientConnected
//	acknowledgements exactly once           socket.answered, World.emitAck, checkAnswer
//	recovered, or a new session             clientConnected, forget
//	rooms and counts                        check.go, checkRooms; calls.go, query
//	totals within their bounds              check.go, checkBounds
//	no circle in the order of locks         invariants.Mutex
//	nothing left                            check.go, checkEmpty; World.finish; the end of the bubble
//
// # Where to add
//
// A transport: client.go connects, transport.go sends and parses, plan.go draws
// it.
// Another bus, or a fault of one: bus.go, with an option in check.go.
// A limit: config in check.go sets it, checkBounds compares.
// A method of the API: op.go has its kind and weight, calls.go calls it.
// A fault of the network: looptest.Faults.
//
// Not simulated are HTTP/2 and net/http (Server.Handler), the poller gnetpoll,
// Redis, an adapter that keeps the sessions of recovery, forwarding between
// nodes, compression and MessagePack.
//
// testdata/seeds.txt has the seeds that have found something. A seed loses its
// meaning when what is drawn changes, so what was found has a test of its own.
package simulation
