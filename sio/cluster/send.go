package cluster

import (
	"errors"
	"sync"

	"github.com/sioserver/sioserver/sio/adapter"
)

// messages are for broadcasts: a bus keeps none.
var messages = sync.Pool{New: func() any { return new(Message) }}

// hand gives m to the bus and counts what becomes of it.
func (n *Node) hand(m *Message) error {
	m.UID, m.Namespace, m.Instance = n.uid, n.namespace, n.instance
	err := n.bus.Publish(m)
	switch {
	case err == nil:
		n.counts.published.Add(1)
		if n.counter == nil && m.To == "" { // else not all nodes hear it
			n.live.sent()
		}
	case !errors.Is(err, ErrUnencodable):
		n.counts.lost.Add(1)
	}
	return err
}

// Broadcast implements [adapter.Adapter]. Nothing is delivered when the error is
// [ErrUnencodable] or [ErrOverloaded]: the caller may emit the packet again. What the
// bus does not take otherwise is delivered here, and counted as lost.
func (n *Node) Broadcast(p adapter.Packet, o adapter.Options) error {
	m := messages.Get().(*Message)
	m.Type, m.Packet, m.Options = Broadcast, p, o
	err := n.publish(m)
	*m = Message{}
	messages.Put(m)
	if errors.Is(err, ErrUnencodable) || errors.Is(err, ErrOverloaded) {
		return err
	}
	return n.local.Broadcast(p, o)
}

// AddSockets implements [adapter.Adapter]. It acts on this server's sockets even
// when it returns an error.
func (n *Node) AddSockets(o adapter.Options, rooms []string) error {
	err := n.publish(&Message{Type: SocketsJoin, Options: o, Rooms: rooms})
	n.local.AddSockets(o, rooms)
	return err
}

// DelSockets implements [adapter.Adapter]. It acts on this server's sockets even
// when it returns an error.
func (n *Node) DelSockets(o adapter.Options, rooms []string) error {
	err := n.publish(&Message{Type: SocketsLeave, Options: o, Rooms: rooms})
	n.local.DelSockets(o, rooms)
	return err
}

// DisconnectSockets implements [adapter.Adapter]. It acts on this server's sockets
// even when it returns an error.
func (n *Node) DisconnectSockets(o adapter.Options, closeConnections bool) error {
	err := n.publish(&Message{Type: DisconnectSockets, Options: o, Close: closeConnections})
	n.local.DisconnectSockets(o, closeConnections)
	return err
}

// ServerSideEmit implements [adapter.Adapter].
func (n *Node) ServerSideEmit(p adapter.Packet) error {
	return n.publish(&Message{Type: ServerSideEmit, Packet: p})
}
