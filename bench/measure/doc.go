//go:build linux

// Package measure reads from /proc what a process uses and what else the
// machine does: memory, processor time, kernel memory of sockets, other
// processes. All functions are safe for concurrent use; they only read.
package measure
