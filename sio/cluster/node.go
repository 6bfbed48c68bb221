package cluster

import (
	"context"
	"errors"

	"github.com/sioserver/sioserver/sio/adapter"
)

// Node is one namespace of one server as a member of the cluster. It implements
// [adapter.Adapter], but so far (issue 7) without its operations: they fail. Safe
// for concurrent use.
type Node struct {
	local adapter.Local
	cfg   Config
	uid   string
	bus   Bus
}

// New makes a namespace a node of the cluster. open connects it: it is given the
// node's UID and the function that takes what others publish.
func New(local adapter.Local, cfg Config, open func(uid string, receive func(m *Message)) (Bus, error)) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{local: local, cfg: cfg, uid: cfg.UID()}
	n.bus, err = open(n.uid, func(*Message) {})
	return n, err
}

var errUnfinished = errors.New("cluster: unfinished")

// UID names the node among the others of its namespace.
func (n *Node) UID() string { return n.uid }

// Stats returns the node's counters.
func (n *Node) Stats() Stats { return Stats{} }

// Broadcast implements [adapter.Adapter].
func (n *Node) Broadcast(p adapter.Packet, o adapter.Options) error { return n.local.Broadcast(p, o) }

// BroadcastAck implements [adapter.Adapter].
func (n *Node) BroadcastAck(ctx context.Context, p adapter.Packet, o adapter.Options, acks adapter.Acks) error {
	return errUnfinished
}

// FetchSockets implements [adapter.Adapter].
func (n *Node) FetchSockets(ctx context.Context, o adapter.Options) ([]adapter.Details, error) {
	return nil, errUnfinished
}

// CountSockets implements [adapter.Adapter].
func (n *Node) CountSockets(ctx context.Context, o adapter.Options) (int, error) {
	return 0, errUnfinished
}

// AddSockets implements [adapter.Adapter].
func (n *Node) AddSockets(o adapter.Options, rooms []string) error { return errUnfinished }

// DelSockets implements [adapter.Adapter].
func (n *Node) DelSockets(o adapter.Options, rooms []string) error { return errUnfinished }

// DisconnectSockets implements [adapter.Adapter].
func (n *Node) DisconnectSockets(o adapter.Options, closeConnections bool) error {
	return errUnfinished
}

// ServerSideEmit implements [adapter.Adapter].
func (n *Node) ServerSideEmit(p adapter.Packet) error { return errUnfinished }

// ServerSideEmitAck implements [adapter.Adapter].
func (n *Node) ServerSideEmitAck(ctx context.Context, p adapter.Packet) ([]adapter.Answer, error) {
	return nil, errUnfinished
}

// ServerCount implements [adapter.Adapter].
func (n *Node) ServerCount(ctx context.Context) (int, error) { return 0, errUnfinished }

// Close implements [adapter.Adapter].
func (n *Node) Close() error { return n.bus.Close() }
