//go:build linux

// Package attack has the attacks of dishonest peers: raw clients without any
// limit, other nodes of a cluster, and writers to its Redis. Attacks of one
// kind share a file.
//
// An attack opens its connections with Field.dial and goes on until its context
// is done; the connections stay open until Field.Leave, so that the server can
// be measured while it still has them. The attack counts by name what it saw,
// such as connections that the server cut.
//
// Callers: bench/run starts the attacks beside honest clients and judges the
// server; bench/scenario knows their names. The functions of this package are
// safe for concurrent use; each attack has goroutines of its own.
package attack
