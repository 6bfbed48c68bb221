package cluster

import "sync/atomic"

// Stats are counters of a [Node] since it was opened, and gauges.
type Stats struct {
	Published uint64 // messages that the bus has taken
	Lost      uint64 // messages that it has not
	Received  uint64 // messages of other nodes
	Invalid   uint64 // of these, without what their type needs or of an unknown one
	Unknown   uint64 // responses to no pending request: late, repeated, or another node's
	Dropped   uint64 // requests, events and answers that came faster than they could be dealt with
	TooLarge  uint64 // answers that were not sent because they must come whole and are larger than MaxWhole
	Resent    uint64 // parts of answers that were sent again because they may not have arrived
	Expired   uint64 // nodes that fell silent
	Panics    uint64 // of handlers that have not caught them themselves
	Twins     uint64 // messages of other nodes with this node's UID, as far as the bus tells

	Nodes    int // known nodes besides this one; only with heartbeats
	Requests int // own requests that wait for answers
	Asked    int // other nodes' broadcasts whose acknowledgements are awaited here
	Parting  int // answers that go out in parts
	Queued   int // other nodes' events and requests that wait for a goroutine, or for others of their kind
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
	s.Twins += other.Twins
	s.Nodes += other.Nodes
	s.Requests += other.Requests
	s.Asked += other.Asked
	s.Parting += other.Parting
	s.Queued += other.Queued
	return s
}

// counters are the counters of Stats.
type counters struct {
	published, lost, received, invalid, unknown, dropped, tooLarge, resent, expired, panics, twins atomic.Uint64
}

// Stats returns the node's counters.
func (n *Node) Stats() Stats {
	return Stats{
		Published: n.counts.published.Load(),
		Lost:      n.counts.lost.Load(),
		Received:  n.counts.received.Load(),
		Invalid:   n.counts.invalid.Load(),
		Unknown:   n.counts.unknown.Load(),
		Dropped:   n.counts.dropped.Load(),
		TooLarge:  n.counts.tooLarge.Load(),
		Resent:    n.counts.resent.Load(),
		Expired:   n.counts.expired.Load(),
		Panics:    n.counts.panics.Load(),
		Twins:     n.counts.twins.Load(),

		Nodes:    n.live.len(),
		Requests: n.requests.len(),
		Asked:    int(n.asked.Load()),
		Parting:  n.outflows.len(),
		Queued:   n.handlers.queued() + n.describers.queued() + n.outflows.queued(),
	}
}
