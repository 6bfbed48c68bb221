// Package forward passes requests and WebSockets on to other servers of a cluster.
// Package eio is its caller: it decides what goes where and writes the heads.
//
// A request borrows a connection to its node and is one exchange on it; a
// WebSocket gets a connection of its own and becomes a [Tunnel]. Nothing is sent
// twice: when a connection breaks, nobody can tell whether the node has acted on
// what it got.
//
// While an exchange waits for its answer it costs the caller's goroutine and a
// connection, without buffers; a tunnel costs two goroutines and two connections.
// They are bounded for each node, so that one that does not answer leaves the
// others alone.
package forward
