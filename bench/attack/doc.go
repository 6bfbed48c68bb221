//go:build linux

// Package attack has what a dishonest peer can do to a server: raw clients that keep to no limit, each attack in a file.
//
// An attack opens its connections with Field.dial and goes on until its context is done; the connections stay open until
// Field.Leave, so that the server can be looked at while it still has them. What the attack saw, such as connections
// that the server cut, is counted by name.
//
// Callers: bench/run starts the attacks beside honest clients and judges the server; bench/scenario knows their names.
// The functions of this package are safe for concurrent use; each attack has goroutines of its own.
package attack
