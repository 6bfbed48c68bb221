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

	// join puts a socket into a room, leave takes it out. The error of join is
	// nil or ErrTooManyRooms.
	join(s *Socket, room string) error
	leave(s *Socket, room string)

	// recall looks for the session that the client of s asks for in auth, which
	// is borrowed. s is not in the namespace yet, but counted. When waits is
	// true the client waits (joining), and enters again with the joinState.
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
	admit(s *Socket) (pid string, missed []encodedPacket, ok bool)
	// refuse ends what begin began, for a socket that a middleware has refused.
	refuse(s *Socket)
	// closed is the end of a socket that may have been admitted. With recovery
	// its session waits for the client, if the reason allows that.
	closed(s *Socket, reason Reason)
	// holds reports whether broadcasts are held while connection handlers run:
	// see send.go.
	holds() bool

	// stop ends it: nothing is kept any more, and OnExpire is not called any
	// more.
	stop()
	figures() RecoveryStats
}

// joinState is what a client that joins a namespace has been through.
type joinState struct {
	outwaited *Socket     // the socket that it has waited for: see awaitLoss
	restored  bool        // the adapter was asked for its session
	back      *membership // the outcome; nil when it can't come back
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

// peers are the namespaces of the same name on other servers. Safe for
// concurrent use.
type peers interface {
	// checkName and checkNames return ErrName for names that other servers
	// can't be told, checkTarget for those of an operator.
	checkName(name string) error
	checkNames(names []string) error
	checkTarget(o BroadcastOperator) error

	// fetchSockets describes the sockets of other servers, countSockets counts
	// them. They wait until ctx ends, or the operator's time-out.
	fetchSockets(ctx context.Context, o BroadcastOperator) ([]adapter.Details, error)
	countSockets(ctx context.Context, o BroadcastOperator) (int, error)
	// addSockets, delSockets and disconnectSockets act on the sockets of all
	// servers, this one included.
	addSockets(o BroadcastOperator, rooms []string) error
	delSockets(o BroadcastOperator, rooms []string) error
	disconnectSockets(o BroadcastOperator, closeConnections bool) error
	// serverEmit and serverEmitAck send an event to the namespaces themselves.
	serverEmit(event string, args []any) error
	serverEmitAck(ctx context.Context, event string, args []any) ([]adapter.Answer, error)

	// close leaves the other servers, once. The error can be received when that
	// has happened. retire is close for a namespace that has ended.
	close() <-chan error
	retire() <-chan error
}

// direct delivers to the sockets of this server and keeps nothing.
type direct struct{ ns *Namespace }

func (direct) emit(o SocketEmitter, event string, args []any) error {
	s := o.socket
	if !s.open() {
		return ErrDisconnected
	}
	m, err := encodeEvent(s.ns, 0, false, event, args)
	if err != nil {
		return err
	}
	return o.post(m)
}

func (direct) broadcast(o BroadcastOperator, event string, args []any) error {
	m, err := encodeEvent(o.ns, 0, false, event, args)
	if err != nil {
		return err
	}
	m.mark(o.plain, o.volatile && o.ns.srv.volatileWaits())
	o.post(m, nil)
	m.release()
	return nil
}

func (direct) broadcastAck(ctx context.Context, o BroadcastOperator, event string, args []any, acks adapter.Acks) error {
	acks.Servers(1)
	return o.postAck(ctx, adapter.Packet{Event: event, Args: args}, acks)
}

func (d direct) join(s *Socket, room string) error {
	defer d.ns.rooms.FlushEvents(&s.member)
	_, err := s.joinDeferred(room)
	return err
}

func (d direct) leave(s *Socket, room string) { d.ns.rooms.Leave(&s.member, room) }

func (direct) recall(*Socket, []byte, joinState) (*membership, bool) { return nil, false }
func (direct) giveBack(*membership)                                  {}
func (direct) begin(*Socket, *membership)                            {}
func (direct) refuse(*Socket)                                        {}
func (direct) closed(*Socket, Reason)                                {}
func (direct) holds() bool                                           { return true }
func (direct) stop()                                                 {}
func (direct) figures() (none RecoveryStats)                         { return none }

func (direct) admit(s *Socket) (pid string, missed []encodedPacket, ok bool) {
	return "", nil, s.enroll((*adapter.Rooms[*Socket]).Add)
}

func (direct) prepare(o BroadcastOperator, event string, args []any) (prepared, error) {
	return o.prepare(event, false, args)
}

func (d direct) receive(o BroadcastOperator, p adapter.Packet) error {
	if own := preparedFor(d.ns, p); own != nil {
		o.post(own.encoded, nil)
		return nil
	}
	return d.broadcast(o, p.Event, p.Args)
}

// alone is a namespace without other servers.
type alone struct{ ns *Namespace }

func (alone) checkName(string) error { return nil }

func (alone) checkNames([]string) error { return nil }

func (alone) checkTarget(BroadcastOperator) error { return nil }

func (alone) fetchSockets(context.Context, BroadcastOperator) ([]adapter.Details, error) {
	return nil, nil
}

func (alone) countSockets(context.Context, BroadcastOperator) (int, error) { return 0, nil }

func (alone) addSockets(o BroadcastOperator, rooms []string) error {
	for _, s := range o.localSockets() {
		_ = s.join(rooms) // counted
	}
	return nil
}

func (alone) delSockets(o BroadcastOperator, rooms []string) error {
	for _, s := range o.localSockets() {
		for _, room := range rooms {
			s.ns.delivery.leave(s, room)
		}
	}
	return nil
}

func (alone) disconnectSockets(o BroadcastOperator, closeConnections bool) error {
	for _, s := range o.localSockets() {
		s.Disconnect(closeConnections)
	}
	return nil
}

func (p alone) serverEmit(string, []any) error {
	p.ns.srv.cfg.Logger.Warn("sio: ServerSideEmit reaches no server: the namespace has no adapter to other servers",
		"namespace", p.ns.name)
	return nil
}

func (p alone) serverEmitAck(_ context.Context, event string, args []any) ([]adapter.Answer, error) {
	return nil, p.serverEmit(event, args)
}

func (alone) close() <-chan error {
	closed := make(chan error)
	close(closed)
	return closed
}

func (p alone) retire() <-chan error {
	p.ns.forgotten()
	return p.close()
}

// prepared is an event for an adapter that is already encoded for this server's
// clients. So an event that can't be encoded for them is not sent to other
// servers either. The adapter gets it as adapter.Packet.Prepared, and hands it
// back with the packet.
type prepared struct {
	ns      *Namespace
	packet  adapter.Packet
	encoded encodedPacket
	draft   *draft // instead of the packet, for a log of this server's own
	id      uint64 // of the acknowledgement, if one is wanted
}

// prepare encodes an event, and returns the packet for the adapter. release
// must follow.
func (o BroadcastOperator) prepare(event string, wantsAck bool, args []any) (p prepared, err error) {
	p.ns, p.packet.Event = o.ns, event
	if p.packet.Args, err = spread(args, takesJSON); err != nil {
		return p, err
	}
	if wantsAck {
		p.id = o.ns.ackIDs.Add(1) - 1
	}
	if p.encoded, err = encodeEvent(o.ns, p.id, wantsAck, event, args); err != nil {
		return p, err
	}
	p.encoded.mark(o.plain, o.volatile && o.ns.srv.volatileWaits())
	return p, nil
}

// preparedFor returns what ns itself prepared of a packet. It returns nil when
// ns did not, and for a draft that was used: then the adapter hands the packet
// over once more.
func preparedFor(ns *Namespace, p adapter.Packet) *prepared {
	if own, ok := p.Prepared.(*prepared); ok && own.ns == ns && (own.draft != nil || own.encoded.head != nil) {
		return own
	}
	return nil
}

// release gives up what the adapter has not handed back.
func (p *prepared) release() {
	if p.draft != nil {
		p.draft.drop()
	}
	p.encoded.release()
}
