package emitter

import (
	"context"
	"fmt"
	"slices"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// BroadcastOperator selects the sockets of a call, and how events are sent to
// them. It is an immutable value: its methods return changed copies, which may
// be kept and used again.
type BroadcastOperator struct {
	out       Sender
	namespace string
	options   adapter.Options
}

// To adds rooms: it selects the sockets that are in at least one of the added
// rooms, each once. Without rooms all sockets are selected. A socket's id is a
// room.
func (o BroadcastOperator) To(rooms ...string) BroadcastOperator {
	o.options.Rooms = slices.Concat(o.options.Rooms, rooms)
	return o
}

// In is To.
func (o BroadcastOperator) In(rooms ...string) BroadcastOperator { return o.To(rooms...) }

// Except adds rooms whose members are excluded.
func (o BroadcastOperator) Except(rooms ...string) BroadcastOperator {
	o.options.Except = slices.Concat(o.options.Except, rooms)
	return o
}

// Volatile allows packets to be lost: a socket that can't be written to at once
// does not get them.
func (o BroadcastOperator) Volatile() BroadcastOperator {
	o.options.Volatile = true
	return o
}

// Compress sets whether polling responses with these packets may be compressed.
// The default is true.
func (o BroadcastOperator) Compress(on bool) BroadcastOperator {
	o.options.NoCompress = !on
	return o
}

// Emit sends an event. args are values that can be encoded as JSON, and []byte
// at any depth, which arrive as binary. It returns [ErrReservedEvent],
// [ErrName], [cluster.ErrUnencodable], or another error of the [Sender]; see
// the package's documentation.
func (o BroadcastOperator) Emit(ctx context.Context, event string, args ...any) error {
	if socketio.Reserved(event) {
		return fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	return o.send(ctx, &cluster.Message{Type: cluster.Broadcast, Packet: adapter.Packet{Event: event, Args: args}})
}

// SocketsJoin adds the sockets to rooms.
func (o BroadcastOperator) SocketsJoin(ctx context.Context, rooms ...string) error {
	return o.send(ctx, &cluster.Message{Type: cluster.SocketsJoin, Rooms: rooms})
}

// SocketsLeave removes the sockets from rooms.
func (o BroadcastOperator) SocketsLeave(ctx context.Context, rooms ...string) error {
	return o.send(ctx, &cluster.Message{Type: cluster.SocketsLeave, Rooms: rooms})
}

// DisconnectSockets takes the sockets out of their namespace; with
// closeConnections it closes their connections.
func (o BroadcastOperator) DisconnectSockets(ctx context.Context, closeConnections bool) error {
	return o.send(ctx, &cluster.Message{Type: cluster.DisconnectSockets, Close: closeConnections})
}

func (o BroadcastOperator) send(ctx context.Context, m *cluster.Message) error {
	if err := adapter.CheckNames([]string{o.namespace, m.Packet.Event}, o.options.Rooms, o.options.Except, m.Rooms); err != nil {
		return err
	}
	m.UID, m.Namespace, m.Options = cluster.EmitterUID, o.namespace, o.options
	return o.out.Send(ctx, m)
}
