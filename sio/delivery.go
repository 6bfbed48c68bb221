package sio

import (
	"context"

	"github.com/sioserver/sioserver/sio/adapter"
)

// delivery is how a namespace delivers events and takes sockets in. It is
// chosen when the namespace is made, and no path asks again what it is:
//
//	                       this server alone   through an adapter
//	without recovery       direct              throughAdapter{direct}
//	with recovery          ownLog              throughAdapter{ownLog}
//	whose sessions the
//	adapter keeps                              recoveringAdapter{sharedLog}
//
// ownLog and sharedLog are two uses of one recoveryLog. Safe for concurrent
// use.
type delivery interface {
	// emit sends an event to one socket: see Socket.Emit.
	emit(o SocketEmitter, event string, args []any) error
	// broadcast sends an event to the sockets that are addressed. The
	// operator's namespace is no parent.
	broadcast(o BroadcastOperator, event string, args []any) error
	// broadcastAck is broadcast for an event that every recipient is to
	// acknowledge.
	broadcastAck(ctx context.Context, o BroadcastOperator, event string, args []any, acks adapter.Acks) error

	// join puts a socket into a room, leave takes it out.
	join(s *Socket, room string)
	leave(s *Socket, room string)

	// recall looks for the session that the client of s asks for in auth, which
	// is borrowed. s is not in the namespace yet, but counted. When waits is
	// true the client is in limbo, and enters again later, with the joinState.
	// back is nil when there is no such session; else begin or giveBack must
	// follow. It is called on the loop.
	recall(s *Socket, auth []byte, state joinState) (back *membership, waits bool)
	// giveBack takes back a recall: the socket does not connect.
	giveBack(back *membership)
	// begin prepares a socket that has an id for admit, with what it had in the
	// session that it is back in, or for a new session when back is nil.
	begin(s *Socket, back *membership)
	// admit makes the socket a member of its namespace. missed is what its
	// client must be sent first, the references are the caller's; pid is ""
	// without a session. It reports false when the socket has ended or can't be
	// admitted now, and has done what follows from that. It is called on the
	// loop.
	admit(s *Socket) (pid string, missed []message, ok bool)
	// refuse ends what begin began, for a socket that a middleware has refused.
	refuse(s *Socket)
	// part is the end of a socket that may have been admitted. With recovery
	// its session waits for the client, if the reason allows that.
	part(s *Socket, reason Reason)
	// greets reports whether broadcasts are held while connection handlers run:
	// see greet.go.
	greets() bool

	// stop ends it: nothing is kept any more, and OnExpire is not called any
	// more.
	stop()
	figures() RecoveryStats
}

// localDelivery is a delivery to the sockets of this server, which ignores
// others.
type localDelivery interface {
	delivery
	// prepare encodes an event that goes by way of an adapter.
	prepare(o BroadcastOperator, event string, args []any) (prepared, error)
	// receive sends a packet that an adapter hands over.
	receive(o BroadcastOperator, p adapter.Packet) error
}

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
	l := &local{ns: ns}
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
		d := &throughAdapter{localDelivery: here, local: l, adapter: a}
		ns.delivery, ns.peers = d, d
		return
	}
	shared.keeper.Store(&r)
	d := &recoveringAdapter{throughAdapter{localDelivery: shared, local: l, adapter: a}, shared}
	ns.delivery, ns.peers = d, d
}

// direct delivers to the sockets of this server and keeps nothing.
type direct struct{ ns *Namespace }

func (direct) emit(o SocketEmitter, event string, args []any) error {
	s := o.socket
	if !s.open() {
		return ErrDisconnected
	}
	m, err := eventMessage(s.ns, 0, false, event, args)
	if err != nil {
		return err
	}
	return o.post(m)
}

func (direct) broadcast(o BroadcastOperator, event string, args []any) error {
	m, err := eventMessage(o.ns, 0, false, event, args)
	if err != nil {
		return err
	}
	m.mark(o.ns.srv, o.plain, o.volatile)
	o.cast(m, nil)
	m.release()
	return nil
}

func (direct) broadcastAck(ctx context.Context, o BroadcastOperator, event string, args []any, acks adapter.Acks) error {
	acks.Servers(1)
	return o.emitAck(ctx, adapter.Packet{Event: event, Args: args}, acks)
}

func (d direct) join(s *Socket, room string)  { d.ns.rooms.Join(&s.member, room) }
func (d direct) leave(s *Socket, room string) { d.ns.rooms.Leave(&s.member, room) }

func (direct) recall(*Socket, []byte, joinState) (*membership, bool) { return nil, false }
func (direct) giveBack(*membership)                                  {}
func (direct) begin(*Socket, *membership)                            {}
func (direct) refuse(*Socket)                                        {}
func (direct) part(*Socket, Reason)                                  {}
func (direct) greets() bool                                          { return true }
func (direct) stop()                                                 {}
func (direct) figures() (none RecoveryStats)                         { return none }

func (direct) admit(s *Socket) (pid string, missed []message, ok bool) {
	return "", nil, s.enroll((*adapter.Rooms[*Socket]).Add)
}

func (direct) prepare(o BroadcastOperator, event string, args []any) (p prepared, err error) {
	p.ns, p.packet.Event = o.ns, event
	if p.packet.Args, err = spread(args, nil); err != nil {
		return p, err
	}
	if p.message, err = eventMessage(o.ns, 0, false, event, args); err != nil {
		return p, err
	}
	p.message.mark(o.ns.srv, o.plain, o.volatile)
	return p, nil
}

func (d direct) receive(o BroadcastOperator, p adapter.Packet) error {
	if own := preparedFor(d.ns, p); own != nil {
		o.cast(own.message, nil)
		return nil
	}
	return d.broadcast(o, p.Event, p.Args)
}
