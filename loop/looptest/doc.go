// Package looptest runs loops in memory, with a clock that stands still until
// it is advanced, so that what is built on package loop is tested without
// sockets and without waiting. Connections and loops are loop's own types over
// another backend.
//
// The test's goroutine plays all loops: it must make every call except
// Loop.Post, and nothing happens on a loop but within those calls. Feed,
// PeerClose and Connect run one burst each; what a burst leaves to the loop's
// turn, as writes to other connections than the one that the burst was about,
// happens in Run.
//
// [Loops] are loops without an engine. A [Network] is for whole servers: it is
// what their engines run on, and a random generator decides in what order.
package looptest
