//go:build linux

// Package peer starts and stops the servers that are measured. Each is
// described by one TOML file of bench/peers, which is little more than a
// command line; bench/peers/README.md documents the files and what a server
// must do.
//
// A Peer is immutable after Load. A Process belongs to one goroutine, except
// that Exited, PID and the questions to the server may be used from any.
package peer
