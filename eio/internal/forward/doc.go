// Package forward passes requests and WebSockets on to other servers of a
// cluster. Its caller is package eio, which decides what goes where and writes
// the heads.
//
// A request borrows a connection to its node for one exchange. A WebSocket gets
// a connection of its own, a [Tunnel]. Nothing is sent twice: when a connection
// breaks, there is no way to know whether the node has acted on what it
// received.
//
// An exchange that waits for its answer costs the caller's goroutine and a
// connection, without buffers. A tunnel costs two goroutines and two
// connections. Both are bounded for each node, so that a node that does not
// answer does not affect the others.
package forward
