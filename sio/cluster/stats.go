package cluster

import "sync/atomic"

// Stats are counters of a [Node] since it was made, and gauges.
type Stats struct {
	Published     uint64 // messages that the bus has taken
	Lost          uint64 // messages that the bus has not taken
	Received      uint64 // messages of other nodes
	Invalid       uint64 // of these, malformed or of an unknown type
	Unknown       uint64 // responses to no pending request: late, repeated, or for another node
	Dropped       uint64 // requests, events and answers beyond the bounds of Config
	TooLarge      uint64 // answers that were not sent because they are larger than MaxWhole and their receiver takes no parts
	Resent        uint64 // parts of answers that were sent again because they were not confirmed
	Expired       uint64 // nodes that were silent for HeartbeatTimeout
	Panics        uint64 // that handlers and the bus have not recovered
	DuplicateUIDs uint64 // messages of other nodes with this node's UID, if the bus can tell

	Nodes    int // other nodes that are alive; only with heartbeats
	Requests int // requests of this node that wait for answers
	Asked    int // broadcasts of other nodes that wait for acknowledgements of this server's clients
	Parting  int // answers that are being sent in parts
	Queued   int // events and requests of other nodes that wait
}

// Plus returns the sums of s and other.
func (s Stats) Plus(other Stats) Stats {
	s.Published += other.Published
	s.Lost += other.Lost
	s.Received += other.Received
	s.Invalid += other.Invalid
	s.Unknown += other.Unknown
	s.Dropped += other.Dropped
	s.TooLarge += other.TooLarge
	s.Resent += other.Resent
	s.Expired += other.Expired
	s.Panics += other.Panics
	s.DuplicateUIDs += other.DuplicateUIDs
	s.Nodes += other.Nodes
	s.Requests += other.Requests
	s.Asked += other.Asked
	s.Parting += other.Parting
	s.Queued += other.Queued
	return s
}

// counters are the counters of Stats.
type counters struct {
	published, lost, received, invalid, unknown, dropped, tooLarge, resent, expired, panics, duplicateUIDs atomic.Uint64
}

// Stats returns the node's counters.
func (n *Node) Stats() Stats {
	return Stats{
		Published:     n.counts.published.Load(),
		Lost:          n.counts.lost.Load(),
		Received:      n.counts.received.Load(),
		Invalid:       n.counts.invalid.Load(),
		Unknown:       n.counts.unknown.Load(),
		Dropped:       n.counts.dropped.Load(),
		TooLarge:      n.counts.tooLarge.Load(),
		Resent:        n.counts.resent.Load(),
		Expired:       n.counts.expired.Load(),
		Panics:        n.counts.panics.Load(),
		DuplicateUIDs: n.counts.duplicateUIDs.Load(),

		Nodes:    n.live.len(),
		Requests: n.requests.len(),
		Asked:    int(n.relays.Load()),
		Parting:  n.outgoing.len(),
		Queued:   n.handlers.queued() + n.describers.queued() + n.outgoing.queued(),
	}
}
