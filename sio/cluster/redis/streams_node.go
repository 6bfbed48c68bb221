package redis

import (
	"context"
	"errors"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// streamNode is one namespace of one server. It implements adapter.Recoverer.
type streamNode struct {
	stream *stream
	local  adapter.Local
	uid    string
	since  string // guarded by stream.mu
}

// publish queues a message without waiting.
func (n *streamNode) publish(kind cluster.MessageType, data string, kept *keptEntry) bool {
	return n.stream.enqueue(entry{uid: n.uid, namespace: n.local.Namespace(), kind: kind, data: data}, kept)
}

// Broadcast implements adapter.Adapter. What can't be sent to other servers is
// counted, not an error.
func (n *streamNode) Broadcast(p adapter.Packet, o adapter.Options) error {
	data, err := broadcastData(n.local.Namespace(), p, o, n.stream.cfg.OnlyPlaintext)
	if err != nil {
		return err
	}
	n.publish(cluster.Broadcast, data, nil)
	return n.local.Broadcast(p, o)
}

// BroadcastKept implements adapter.Recoverer.
func (n *streamNode) BroadcastKept(p adapter.Packet, o adapter.Options, deliver func(offset string)) error {
	data, err := broadcastData(n.local.Namespace(), p, o, n.stream.cfg.OnlyPlaintext)
	if err != nil {
		return err
	}
	if !n.publish(cluster.Broadcast, data, &keptEntry{deliver: deliver}) {
		deliver("")
	}
	return nil
}

// act sends a message about sockets to all servers.
func (n *streamNode) act(m *cluster.Message) error {
	data, err := data(m, true) // nothing in it is binary
	if err != nil {
		return err
	}
	n.publish(m.Type, data, nil)
	return nil
}

// AddSockets implements adapter.Adapter.
func (n *streamNode) AddSockets(o adapter.Options, rooms []string) error {
	err := n.act(&cluster.Message{Type: cluster.SocketsJoin, Options: o, Rooms: rooms})
	n.local.AddSockets(o, rooms)
	return err
}

// DelSockets implements adapter.Adapter.
func (n *streamNode) DelSockets(o adapter.Options, rooms []string) error {
	err := n.act(&cluster.Message{Type: cluster.SocketsLeave, Options: o, Rooms: rooms})
	n.local.DelSockets(o, rooms)
	return err
}

// DisconnectSockets implements adapter.Adapter.
func (n *streamNode) DisconnectSockets(o adapter.Options, closeConnections bool) error {
	err := n.act(&cluster.Message{Type: cluster.DisconnectSockets, Options: o, Close: closeConnections})
	n.local.DisconnectSockets(o, closeConnections)
	return err
}

// The requests below need answers from other servers, which go by Pub/Sub.

// BroadcastAck implements adapter.Adapter: it is not supported.
func (n *streamNode) BroadcastAck(context.Context, adapter.Packet, adapter.Options, adapter.Acks) error {
	return errors.ErrUnsupported
}

// FetchSockets implements adapter.Adapter: it is not supported.
func (n *streamNode) FetchSockets(context.Context, adapter.Options) ([]adapter.Details, error) {
	return nil, errors.ErrUnsupported
}

// CountSockets implements adapter.Adapter: it is not supported.
func (n *streamNode) CountSockets(context.Context, adapter.Options) (int, error) {
	return 0, errors.ErrUnsupported
}

// ServerSideEmit implements adapter.Adapter: it is not supported.
func (n *streamNode) ServerSideEmit(adapter.Packet) error { return errors.ErrUnsupported }

// ServerSideEmitAck implements adapter.Adapter: it is not supported.
func (n *streamNode) ServerSideEmitAck(context.Context, adapter.Packet) ([]adapter.Answer, error) {
	return nil, errors.ErrUnsupported
}

// ServerCount implements adapter.Adapter: it is not supported.
func (n *streamNode) ServerCount(context.Context) (int, error) { return 0, errors.ErrUnsupported }

// Close implements adapter.Adapter: the namespace is told nothing any more.
func (n *streamNode) Close() error {
	n.stream.remove(n)
	return nil
}
