package sio

import (
	"context"

	"github.com/sioserver/sioserver/sio/adapter"
)

// options are the operator's for an adapter.
func (o BroadcastOperator) options() adapter.Options {
	a := adapter.Options{Rooms: o.rooms, Except: o.except, Volatile: o.volatile, NoCompress: o.plain}
	if o.self != nil {
		a.Except = with(a.Except, o.self.ID())
	}
	return a
}

// peers are the other servers that the operator has to ask.
func (o BroadcastOperator) peers() peers {
	if o.local {
		return alone{o.ns}
	}
	return o.ns.peers
}

// eachNamespace calls f with the operator for each namespace that it is for.
func (o BroadcastOperator) eachNamespace(f func(o BroadcastOperator) error) error {
	return o.ns.each(func(ns *Namespace) error {
		o.ns = ns
		return f(o)
	})
}

// Sockets returns the connected sockets of this server that are addressed, in no order.
func (o BroadcastOperator) Sockets() (sockets []*Socket) {
	_ = o.eachNamespace(func(o BroadcastOperator) error {
		sockets = append(sockets, o.here()...)
		return nil
	})
	return sockets
}

// here returns the addressed sockets of this server in the operator's own namespace.
func (o BroadcastOperator) here() []*Socket {
	if len(o.rooms)+len(o.except) == 0 && o.self == nil {
		return o.ns.rooms.All()
	}
	target := adapter.Target[*Socket]{
		All:           len(o.rooms) == 0,
		Rooms:         o.rooms,
		Members:       o.ns.resolve(nil, o.rooms),
		Except:        o.except,
		ExceptMembers: o.ns.resolve(nil, o.except),
	}
	if o.self != nil {
		target.ExceptMembers = append(target.ExceptMembers, &o.self.member)
	}
	return o.ns.rooms.Select(&target)
}

// FetchSockets returns the connected sockets that are addressed, in no order:
// those of this server as themselves, that is as [*Socket], those of others, if
// there are any and the operator is not Local, as descriptions. It waits for
// other servers until ctx or [BroadcastOperator.Timeout] ends, or for the time that the
// adapter gives them. When some don't answer, it returns the sockets of this server and
// of those that have, and a [*ServersError]. It returns [ErrParentNamespace] for a
// parent.
func (o BroadcastOperator) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	if o.ns.family != nil {
		return nil, ErrParentNamespace
	}
	peers := o.peers()
	if err := peers.checkTarget(o); err != nil {
		return nil, err
	}
	var sockets []RemoteSocket
	for _, s := range o.here() {
		sockets = append(sockets, s)
	}
	others, err := peers.fetchSockets(ctx, o)
	for _, d := range others {
		sockets = append(sockets, newRemoteSocket(o.ns, d))
	}
	return sockets, serversError(err)
}

// CountSockets counts the sockets that are addressed, without describing them as
// FetchSockets does: each other server answers with a number, one of the reference
// with a list all the same. A socket that is in a middleware may be counted. When
// other servers don't answer before ctx or [BroadcastOperator.Timeout] ends, it
// returns the number so far and a [*ServersError].
func (o BroadcastOperator) CountSockets(ctx context.Context) (int, error) {
	if o.ns.family != nil {
		return 0, ErrParentNamespace
	}
	peers := o.peers()
	if err := peers.checkTarget(o); err != nil {
		return 0, err
	}
	n := o.count()
	others, err := peers.countSockets(ctx, o)
	return n + others, serversError(err)
}

// count is the number of addressed sockets of this server.
func (o BroadcastOperator) count() int {
	switch {
	case o.self != nil || len(o.except) > 0 || len(o.rooms) > 1:
		return len(o.here())
	case len(o.rooms) == 1:
		return o.ns.Count(o.rooms[0])
	}
	return o.ns.Len()
}

// AllSockets returns the ids of the sockets that FetchSockets returns, with its error.
func (o BroadcastOperator) AllSockets(ctx context.Context) ([]string, error) {
	sockets, err := o.FetchSockets(ctx)
	ids := make([]string, len(sockets))
	for i, s := range sockets {
		ids[i] = s.ID()
	}
	return ids, err
}

// SocketsJoin puts the addressed sockets into rooms. An error is [ErrName], and
// nothing was done, or that of the adapter to other servers.
func (o BroadcastOperator) SocketsJoin(rooms ...string) error {
	return o.eachNamespace(func(o BroadcastOperator) error {
		return o.peers().addSockets(o, rooms)
	})
}

// SocketsLeave takes the addressed sockets out of rooms. An error is as for
// SocketsJoin.
func (o BroadcastOperator) SocketsLeave(rooms ...string) error {
	return o.eachNamespace(func(o BroadcastOperator) error {
		return o.peers().delSockets(o, rooms)
	})
}

// DisconnectSockets disconnects the addressed sockets: see [Socket.Disconnect].
// An error is as for SocketsJoin.
func (o BroadcastOperator) DisconnectSockets(closeConnections bool) error {
	return o.eachNamespace(func(o BroadcastOperator) error {
		return o.peers().disconnectSockets(o, closeConnections)
	})
}
