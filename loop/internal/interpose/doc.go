// Package interpose stands between a loop and its backend, and makes calls of
// the backend fail as the kernel makes them fail. Tests of package loop use it.
//
// A [Plan] is asked before each call. Where a poller holds the connections,
// the calls are those of backend.Sockets. Where goroutines drive them, they are
// those of the net.Conn.
//
// # Threading
//
// All of it is safe for concurrent use as far as the interfaces are that it
// implements. A Plan must be safe for concurrent use.
package interpose
