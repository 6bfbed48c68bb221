// Package recovery decides what clients that lost their connection are sent
// when they come back. A [Log] is the recovery state of one namespace: the
// packets kept, the sessions, and what each of these has missed.
//
// The log is a state machine. It has no lock, no clock, no timer and no
// goroutine, and it knows neither sockets nor encoded packets: both are type
// parameters. The caller serializes all calls with one lock, passes the time in
// as a duration on a clock of its own that never goes back, and does what the
// results say. It may call [Select] without the lock. Package sio is the
// caller; the tests play transcripts.
//
// # Why no packet is lost or doubled
//
// Every packet that a client may have to be sent again gets a position in the
// log. The caller hands the packet to the recipients' loops before it releases
// the lock. So each loop, and each socket, gets packets in the order of their
// positions. A client has received the packets up to some position. It has
// missed those behind that position that were meant for it.
//
// For each of its rooms, a session keeps the positions at which it joined and
// left. So the log can decide which packets were meant for a client, even if it
// has left or joined rooms since. A session is in a room at least as long as
// its socket: the caller joins the socket first and leaves the session's room
// last.
//
// While a client comes back, the caller holds the lock: [Log.Admit] collects
// what was missed, and the caller makes the socket a member of its rooms. Later
// packets reach the socket as a member, behind what was missed, because both go
// through its loop.
//
// A client may lose its connection again before it has received all that it
// missed, and come back with an offset from the middle of that. So a session
// keeps its rooms from its first connection on.
//
// # Offsets of a cluster
//
// An adapter that keeps packets and sessions for all servers gives each packet
// its offset, and every server gets all packets in the order of these offsets.
// The log is then a part of what the adapter keeps: the packets that this
// server got since it began to listen, except those that the log's limits have
// evicted ([Log.Start]). Older packets come from the adapter as a [History],
// which ends where the log begins.
//
// A packet that the adapter can't keep in time is sent without an offset, and
// [Log.Anticipate] remembers it. If it gets its offset after all, it is added
// to the log ([Log.Settle]) but not sent here again: a client that comes back
// with an older offset gets it twice. A client that comes back in between is
// sent it too, because it would never get it otherwise.
//
// # The alternative
//
// A queue of missed packets for each lost session needs no positions and no
// membership spans, but every broadcast then costs an append for each lost
// client, and a client whose loss is noticed late has no queue for what it
// missed before.
package recovery
