// Package looptest runs loops in memory, with a clock that only the test moves.
// So code on top of package loop is tested without sockets and without waiting.
// Connections and loops are loop's own types, over another backend.
//
// The test's goroutine acts as the goroutine of all loops: it must make every
// call except Loop.Post, and loops run only within those calls. Feed, PeerClose
// and Connect run one burst each. What a burst leaves to the loop's turn, such
// as writes to other connections than its own, happens in Run.
//
// [Loops] are loops without an engine. A [Network] is for whole servers: their
// engines run on it, and a random generator decides in what order.
package looptest
