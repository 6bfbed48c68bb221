//go:build linux

// Package link has the cases of the scenarios of the kind "link": servers of a cluster, each behind its own line to
// Redis, which is slow, stands still or breaks while much is sent. A case counts what was sent and what arrived, asks
// the servers what they have counted, and says what is not as it should be: an event out of its order, or lost and
// counted nowhere, a server cut off by a message's size, a client that comes back to a part of what it has missed.
//
// Callers: bench/run, and bench/scenario for the names. Threading: a case takes place on the calling goroutine and
// others that it starts, which have ended when it returns.
package link
