//go:build linux

// Package link has the cases of the scenarios of the kind "link": servers of a
// cluster, each behind its own line to Redis, which is slow, stands still or
// breaks while much is sent. A case counts what was sent and what arrived, asks
// the servers for their counters, and reports what is wrong: an event out of
// order, one that is lost but not counted, a server that Redis cut off because
// of a large message, a client that was recovered without all that it has
// missed.
//
// Callers: bench/run, and bench/scenario for the names. Threading: a case takes
// place on the calling goroutine and others that it starts, which have ended
// when it returns.
package link
