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
// positions. What a client has received ends at some position, and what it has
// missed are the packets behind that position that were meant for it.
//
// A session keeps the positions between which it was in a room. So the log can
// still decide which packets were meant for a client that has left a room
// since, or joined one. A session is in a room at least as long as its socket:
// the caller joins the socket first and leaves the session's room last.
//
// A client comes back under one lock: [Log.Admit] collects what was missed at
// the moment at which the caller makes the socket a member of its rooms. What
// is emitted later reaches the socket as a member, behind what was missed,
// because both go through its loop.
//
// A client may lose its connection again before it got everything, and come
// back with an offset within that: a session keeps its rooms from its first
// connection on.
//
// # Offsets of a cluster
//
// An adapter that keeps packets and sessions for all servers gives each packet
// its offset, and every server gets all packets in the order of these offsets.
// The log then is a part of what the adapter keeps: what this server was given
// since it began to listen, except for what its limits evicted ([Log.Start]).
// What is older comes from the adapter as a [History], and ends where the log
// begins.
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
