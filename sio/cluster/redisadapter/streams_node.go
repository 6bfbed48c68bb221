package redisadapter

import (
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// streamNode is one namespace of one server: a node of the cluster whose packets the
// stream keeps. It implements adapter.Recoverer. Safe for concurrent use.
type streamNode struct {
	adapter.Adapter // the node
	stream          *stream
	local           adapter.Local
	bus             *streamBus
}

// BroadcastKept implements adapter.Recoverer. What can't be kept because Redis is away
// is delivered here, and counted; what there is no room for otherwise is refused.
func (n *streamNode) BroadcastKept(p adapter.Packet, o adapter.Options, deliver func(offset string)) error {
	m := &cluster.Message{Type: cluster.Broadcast, Namespace: n.local.Namespace(), Packet: p, Options: o}
	return n.bus.add(m, &keptEntry{deliver: deliver})
}

// Close implements adapter.Adapter. What waits for room in the queue is not waited for.
func (n *streamNode) Close() error {
	n.stream.dismiss(n.bus)
	return n.Adapter.Close()
}

// Since implements adapter.Recoverer.
func (n *streamNode) Since() (offset string, changed <-chan struct{}) {
	n.stream.mu.Lock()
	defer n.stream.mu.Unlock()
	return n.bus.since, n.stream.moved
}

var _ adapter.Recoverer = (*streamNode)(nil)
