//go:build linux

// Package measure reads what a process and the machine cost from /proc: memory, processor time, kernel memory of
// sockets, and what else was running. All functions are safe for concurrent use; they only read.
package measure
