package cluster

// Stats are counters of a [Node] since it was opened, and gauges.
type Stats struct {
	Published uint64 // messages that the bus has taken
	Lost      uint64 // messages that it has not
	Received  uint64 // messages of other nodes
	Invalid   uint64 // of these, without what their type needs or of an unknown one
	Unknown   uint64 // responses to no pending request: late ones, mostly, and repeated ones
	Dropped   uint64 // requests and events that came faster than they could be dealt with
	Expired   uint64 // nodes that fell silent

	Nodes    int // known nodes besides this one; only with heartbeats
	Requests int // own requests that wait for answers
	Asked    int // other nodes' broadcasts whose acknowledgements are awaited here
	Queued   int // other nodes' events that wait for a handler
}
