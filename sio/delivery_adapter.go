package sio

import (
	"context"
	"encoding/json"
	"sync/atomic"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/adapter"
)

// chooseDelivery decides how the namespace delivers. It is called once, before
// any client can find the namespace. Parents, which have no sockets, keep that
// of direct.
func (ns *Namespace) chooseDelivery() {
	var here localDelivery = direct{ns}
	var log *recoveryLog
	if cfg := ns.srv.cfg.ConnectionStateRecovery; cfg != nil {
		log = newRecoveryLog(ns, cfg)
		here = ownLog{log}
	}
	ns.delivery = here
	connect := ns.srv.cfg.Adapter
	if connect == nil {
		return
	}
	// The adapter may hand packets over before its function returns. Then there
	// are no sockets yet: only those with offsets matter, which a shared log
	// keeps.
	l := &localNamespace{ns: ns}
	shared := &sharedLog{recoveryLog: log}
	if log != nil {
		l.deliverBy(shared)
	} else {
		l.deliverBy(here)
	}
	a := connect(l)
	if a == nil {
		l.deliverBy(here)
		return
	}
	r, recovers := a.(adapter.Recoverer)
	if log == nil || !recovers {
		l.deliverBy(here)
		d := &throughAdapter{localDelivery: here, namespace: l, adapter: a}
		ns.delivery, ns.peers = d, d
		return
	}
	shared.keeper.Store(&r)
	d := &recoveringAdapter{throughAdapter{localDelivery: shared, namespace: l, adapter: a}, shared}
	ns.delivery, ns.peers = d, d
}

// throughAdapter delivers to all servers. It implements peers too.
type throughAdapter struct {
	localDelivery // to the sockets here
	namespace     *localNamespace
	adapter       adapter.Adapter
}

func (d *throughAdapter) broadcast(o BroadcastOperator, event string, args []any) error {
	if o.local {
		return d.localDelivery.broadcast(o, event, args)
	}
	if err := d.checkTarget(o); err != nil {
		return err
	}
	p, err := d.prepare(o, event, args)
	if err != nil {
		return err
	}
	defer p.release()
	p.packet.Prepared = &p
	return d.adapter.Broadcast(p.packet, o.options())
}

func (d *throughAdapter) broadcastAck(ctx context.Context, o BroadcastOperator, event string, args []any, acks adapter.Acks) error {
	if o.local {
		return d.localDelivery.broadcastAck(ctx, o, event, args, acks)
	}
	if err := d.checkTarget(o); err != nil {
		return err
	}
	p, err := o.prepare(event, true, args)
	if err != nil {
		return err
	}
	defer p.release()
	p.packet.Prepared = &p
	acks.Servers(1)
	return d.adapter.BroadcastAck(ctx, p.packet, o.options(), acks)
}

func (d *throughAdapter) checkName(name string) error     { return adapter.CheckName(name) }
func (d *throughAdapter) checkNames(names []string) error { return adapter.CheckNames(names) }

func (d *throughAdapter) checkTarget(o BroadcastOperator) error {
	return adapter.CheckNames(o.rooms, o.except)
}

func (d *throughAdapter) fetchSockets(ctx context.Context, o BroadcastOperator) ([]adapter.Details, error) {
	ctx, cancel := deadline(ctx, o.timeout)
	defer cancel()
	list, err, _ := within(ctx, o.ns.srv, "FetchSockets", graceTime, func() ([]adapter.Details, error) {
		return d.adapter.FetchSockets(ctx, o.options())
	})
	return list, err
}

func (d *throughAdapter) countSockets(ctx context.Context, o BroadcastOperator) (int, error) {
	ctx, cancel := deadline(ctx, o.timeout)
	defer cancel()
	n, err, _ := within(ctx, o.ns.srv, "CountSockets", graceTime, func() (int, error) {
		return d.adapter.CountSockets(ctx, o.options())
	})
	return n, err
}

func (d *throughAdapter) addSockets(o BroadcastOperator, rooms []string) error {
	if err := adapter.CheckNames(o.rooms, o.except, rooms); err != nil {
		return err
	}
	return d.adapter.AddSockets(o.options(), rooms)
}

func (d *throughAdapter) delSockets(o BroadcastOperator, rooms []string) error {
	if err := adapter.CheckNames(o.rooms, o.except, rooms); err != nil {
		return err
	}
	return d.adapter.DelSockets(o.options(), rooms)
}

func (d *throughAdapter) disconnectSockets(o BroadcastOperator, closeConnections bool) error {
	if err := d.checkTarget(o); err != nil {
		return err
	}
	return d.adapter.DisconnectSockets(o.options(), closeConnections)
}

func (d *throughAdapter) serverEmit(event string, args []any) error {
	list, err := spread(args, takesJSON)
	if err != nil {
		return err
	}
	return d.adapter.ServerSideEmit(adapter.Packet{Event: event, Args: list})
}

func (d *throughAdapter) serverEmitAck(ctx context.Context, event string, args []any) ([]adapter.Answer, error) {
	answers, err, _ := within(ctx, d.namespace.ns.srv, event, graceTime, func() ([]adapter.Answer, error) {
		list, err := spread(args, takesJSON)
		if err != nil {
			return nil, err
		}
		return d.adapter.ServerSideEmitAck(ctx, adapter.Packet{Event: event, Args: list})
	})
	return answers, err
}

// close closes the adapter on another goroutine, because that may block.
func (d *throughAdapter) close() <-chan error {
	ns, failed := d.namespace.ns, make(chan error, 1)
	if ns.closing.Swap(true) {
		close(failed)
		return failed
	}
	ns.srv.closings.Go(func() {
		defer close(failed)
		defer ns.forgotten()
		ns.srv.apart("close", func() {
			if err := d.adapter.Close(); err != nil {
				ns.srv.cfg.Logger.Warn("sio: can't close the adapter", "namespace", ns.name, "error", err)
				failed <- err
			}
		})
	})
	return failed
}

func (d *throughAdapter) retire() <-chan error { return d.close() }

// recoveringAdapter is a throughAdapter whose adapter keeps packets and
// sessions: what can be recovered goes through the adapter, which puts it in
// one order.
type recoveringAdapter struct {
	throughAdapter
	log *sharedLog
}

func (d *recoveringAdapter) broadcast(o BroadcastOperator, event string, args []any) error {
	if o.local || o.volatile {
		return d.throughAdapter.broadcast(o, event, args)
	}
	if err := d.checkTarget(o); err != nil {
		return err
	}
	return d.log.publish(o, nil, event, args)
}

// localNamespace is what a namespace offers its adapter. It implements
// [adapter.Local].
type localNamespace struct {
	ns *Namespace
	// delivery changes, because the adapter may hand packets over before it is
	// chosen.
	delivery atomic.Pointer[localDelivery]
}

func (l *localNamespace) deliverBy(d localDelivery) { l.delivery.Store(&d) }

// operator returns o as an operator for this server alone.
func (l *localNamespace) operator(o adapter.Options) BroadcastOperator {
	return BroadcastOperator{
		ns: l.ns, rooms: o.Rooms, except: o.Except, volatile: o.Volatile, plain: o.NoCompress, local: true,
	}
}

func (l *localNamespace) Namespace() string { return l.ns.name }

// MayWait implements [adapter.Waiter].
func (l *localNamespace) MayWait() bool { return !loop.OnLoop() }

func (l *localNamespace) Broadcast(p adapter.Packet, o adapter.Options) error {
	return (*l.delivery.Load()).receive(l.operator(o), p)
}

func (l *localNamespace) BroadcastAck(ctx context.Context, p adapter.Packet, o adapter.Options, acks adapter.Acks) error {
	return l.operator(o).postAck(ctx, p, acks)
}

func (l *localNamespace) Sockets(o adapter.Options) []adapter.Details {
	return l.ns.srv.details(l.operator(o).localSockets())
}

// pageLen is how many sockets Describe describes at once. The data and the
// authentication of each may be as large as a client may send.
const pageLen = 16

func (l *localNamespace) Describe(o adapter.Options) (next func() []adapter.Details) {
	left := l.operator(o).localSockets()
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

func (l *localNamespace) CountSockets(o adapter.Options) int { return l.operator(o).count() }

// The operations below return no errors because a local operator has none.

func (l *localNamespace) AddSockets(o adapter.Options, rooms []string) {
	_ = l.operator(o).SocketsJoin(rooms...)
}

func (l *localNamespace) DelSockets(o adapter.Options, rooms []string) {
	_ = l.operator(o).SocketsLeave(rooms...)
}

func (l *localNamespace) DisconnectSockets(o adapter.Options, closeConnections bool) {
	_ = l.operator(o).DisconnectSockets(closeConnections)
}

func (l *localNamespace) ServerSideEvent(p adapter.Packet, reply func(a adapter.Answer)) {
	l.ns.serverEvent(p, reply)
}

func (l *localNamespace) OnRoom(h func(e adapter.RoomEvent)) { l.ns.onRoom(h) }

func (l *localNamespace) HasRoom(room string) bool { return l.ns.Count(room) > 0 }

// details describes sockets to other servers.
func (srv *Server) details(sockets []*Socket) []adapter.Details {
	list, data := make([]adapter.Details, len(sockets)), srv.dataJSON(sockets)
	for i, s := range sockets {
		handshake, err := json.Marshal(s.Handshake())
		if err != nil {
			handshake = []byte("{}")
		}
		list[i] = adapter.Details{ID: s.ID(), Handshake: handshake, Rooms: s.Rooms(), Data: data[i]}
	}
	return list
}
