package sio

import (
	"context"
	"sync/atomic"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/adapter"
)

// local is a namespace as its adapter sees it. It implements [adapter.Local].
type local struct {
	ns   *Namespace
	here atomic.Pointer[localDelivery] // the adapter may hand packets over before it is chosen
}

func (l *local) deliverBy(d localDelivery) { l.here.Store(&d) }

// operator is what o says, for this server alone.
func (l *local) operator(o adapter.Options) BroadcastOperator {
	return BroadcastOperator{
		ns: l.ns, rooms: o.Rooms, except: o.Except, volatile: o.Volatile, plain: o.NoCompress, local: true,
	}
}

func (l *local) Namespace() string { return l.ns.name }

// MayWait implements [adapter.Waiter].
func (l *local) MayWait() bool { return !loop.OnLoop() }

func (l *local) Broadcast(p adapter.Packet, o adapter.Options) error {
	return (*l.here.Load()).receive(l.operator(o), p)
}

func (l *local) BroadcastAck(ctx context.Context, p adapter.Packet, o adapter.Options, acks adapter.Acks) error {
	return l.operator(o).emitAck(ctx, p, acks)
}

func (l *local) Sockets(o adapter.Options) []adapter.Details {
	return l.ns.srv.details(l.operator(o).here())
}

// pageLen is how many sockets Describe describes at once: data and authentication of
// each may be as large as a client may send.
const pageLen = 16

func (l *local) Describe(o adapter.Options) (next func() []adapter.Details) {
	left := l.operator(o).here()
	return func() []adapter.Details {
		page := make([]*Socket, 0, pageLen)
		for len(left) > 0 && len(page) < pageLen {
			if left[0].open() {
				page = append(page, left[0])
			}
			left[0], left = nil, left[1:]
		}
		return l.ns.srv.details(page)
	}
}

func (l *local) CountSockets(o adapter.Options) int { return l.operator(o).count() }

// The operations below return no errors because a local operator has none.

func (l *local) AddSockets(o adapter.Options, rooms []string) {
	_ = l.operator(o).SocketsJoin(rooms...)
}

func (l *local) DelSockets(o adapter.Options, rooms []string) {
	_ = l.operator(o).SocketsLeave(rooms...)
}

func (l *local) DisconnectSockets(o adapter.Options, closeConnections bool) {
	_ = l.operator(o).DisconnectSockets(closeConnections)
}

func (l *local) ServerSideEvent(p adapter.Packet, reply func(a adapter.Answer)) {
	l.ns.serverEvent(p, reply)
}

func (l *local) OnRoom(h func(e adapter.RoomEvent)) { l.ns.onRoom(h) }

func (l *local) HasRoom(room string) bool { return l.ns.Count(room) > 0 }
