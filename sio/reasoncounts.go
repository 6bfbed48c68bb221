package sio

import "sync/atomic"

// reasons are all reasons of a disconnection.
var reasons = [...]Reason{
	ClientNamespaceDisconnect, ServerNamespaceDisconnect, ServerShuttingDown, TransportClose, TransportError,
	SlowConsumer, PingTimeout, ParseError, ForcedClose, ForcedServerClose,
}

// endCounts counts ends by their reasons. Safe for concurrent use.
type endCounts [len(reasons)]atomic.Uint64

func (n *endCounts) count(reason Reason) {
	for i := range reasons {
		if reasons[i] == reason {
			n[i].Add(1)
			return
		}
	}
}

// addTo adds the counts to those in m, which has all reasons afterwards.
func (n *endCounts) addTo(m map[Reason]uint64) {
	for i, reason := range reasons {
		m[reason] += n[i].Load()
	}
}
