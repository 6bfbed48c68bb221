package redis

import (
	"errors"

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

// BroadcastKept implements adapter.Recoverer. What can't be kept is delivered here,
// and counted.
func (n *streamNode) BroadcastKept(p adapter.Packet, o adapter.Options, deliver func(offset string)) error {
	m := &cluster.Message{Type: cluster.Broadcast, Namespace: n.local.Namespace(), Packet: p, Options: o}
	switch err := n.bus.add(m, &keptEntry{deliver: deliver}); {
	case errors.Is(err, cluster.ErrUnencodable):
		return err
	case err != nil:
		deliver("")
	}
	return nil
}

// Since implements adapter.Recoverer.
func (n *streamNode) Since() (offset string, changed <-chan struct{}) {
	n.stream.mu.Lock()
	defer n.stream.mu.Unlock()
	return n.bus.since, n.stream.moved
}

var _ adapter.Recoverer = (*streamNode)(nil)
