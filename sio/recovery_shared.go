package sio

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/recovery"
)

// sharedLog is the delivery to this server's sockets in a namespace whose
// adapter is a Recoverer. The log keeps a part of what the adapter keeps for
// the whole cluster, in the same order and with the adapter's offsets: what
// this server was given since it began to listen, except for the oldest packets
// that a limit evicted. A packet of this server is not sent before its turn
// comes. So all servers send all packets in one order, and a client's offset
// means the same to each of them.
//
// A packet that the adapter can't keep in time is sent without an offset: see
// [recovery.Log.Anticipate].
//
// Broadcasts go through the adapter (recoveringAdapter). Those for this server
// alone are not kept: direct sends them.
type sharedLog struct {
	*recoveryLog
	// keeper is nil until the adapter's function has returned.
	keeper atomic.Pointer[adapter.Recoverer]

	looking   sync.Mutex // taken before mu, held while Since is called
	sinceText string     // guarded by looking
}

// emit sends an event to the socket, or to the socket that has taken its place.
func (lg *sharedLog) emit(o SocketEmitter, event string, args []any) error {
	s := o.socket
	switch {
	case o.volatile:
		return direct{lg.ns}.emit(o, event, args)
	case !s.open() && !lg.mayReturn(s.membership()):
		return ErrDisconnected
	}
	return lg.publish(BroadcastOperator{ns: lg.ns, rooms: []string{s.ID()}, plain: o.plain}, s, event, args)
}

func (lg *sharedLog) broadcast(o BroadcastOperator, event string, args []any) error {
	return direct{lg.ns}.broadcast(o, event, args)
}

func (lg *sharedLog) broadcastAck(ctx context.Context, o BroadcastOperator, event string, args []any, acks adapter.Acks) error {
	return direct{lg.ns}.broadcastAck(ctx, o, event, args, acks)
}

func (lg *sharedLog) prepare(o BroadcastOperator, event string, args []any) (prepared, error) {
	return direct{lg.ns}.prepare(o, event, args)
}

// receive sends a packet that another server has published, and keeps it if it
// has an offset.
func (lg *sharedLog) receive(o BroadcastOperator, p adapter.Packet) error {
	if p.Offset == "" {
		return direct{lg.ns}.receive(o, p)
	}
	id, ok := recovery.ParseEntryID(p.Offset)
	if !ok {
		return fmt.Errorf("sio: the adapter's offset %q is not two numbers with a dash between them", p.Offset)
	}
	d, err := eventDraft(lg.ns, p.Event, p.Args, o.plain)
	if err != nil {
		return err
	}
	lg.look()
	lg.mu.Lock()
	defer lg.mu.Unlock()
	m := lg.place(id, d.finish(p.Offset), o.options())
	o.post(m, nil)
	m.release()
	return nil
}

// publish hands an event to the adapter. Unless s is nil, the event is for that
// socket alone.
func (lg *sharedLog) publish(o BroadcastOperator, s *Socket, event string, args []any) error {
	d, err := eventDraft(lg.ns, event, args, o.plain)
	if err != nil {
		return err
	}
	p := &publishing{log: lg, draft: d, to: o, options: o.options(), socket: s}
	if !lg.ns.srv.codec.cutsEmpty() {
		if p.bare, err = encodeEvent(lg.ns, 0, false, event, args); err != nil {
			d.drop()
			return err
		}
	}
	list, err := spread(args, takesJSON)
	if err == nil {
		err = (*lg.keeper.Load()).BroadcastKept(adapter.Packet{Event: event, Args: list}, p.options, p.deliver)
	}
	if err != nil {
		d.drop()
		p.bare.release()
	}
	return err
}

// publishing is a packet of this server that waits for its turn.
type publishing struct {
	log     *sharedLog
	draft   draft
	bare    encodedPacket // without an offset, unless cut from the draft
	to      BroadcastOperator
	options adapter.Options
	socket  *Socket // the only recipient; nil for those of to
	sent    bool
	early   uint64 // of the log, if it was sent before its turn
}

// deliver sends the packet to this server's sockets, once, and keeps it when
// its offset is known.
func (p *publishing) deliver(text string) {
	lg := p.log
	o, ok := recovery.ParseEntryID(text)
	if ok {
		lg.look()
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	var m encodedPacket
	switch {
	case ok:
		m = lg.place(o, p.draft.finish(text), p.options)
		if p.sent {
			lg.log.Settle(p.early)
		}
		p.bare.release()
	case p.sent:
		return
	default:
		m = p.draft.withoutOffset(p.bare)
		p.early = lg.log.Anticipate(keptPacket(m, p.options.Rooms, p.options.Except))
	}
	p.bare = encodedPacket{}
	defer m.release()
	if p.sent {
		return
	}
	p.sent = true
	if s := p.socket; s != nil && s.state.Load() == stateConnecting {
		// No broadcast reaches it yet.
		if v := s.membership(); v == nil || !v.Behind {
			_ = s.post(m.retain(), false) // an error means that it has gone
		}
		return
	}
	p.to.post(m, nil)
}

// withoutOffset is the packet as if it could not be recovered, with a reference
// for the caller. It takes bare over, and returns that if the codec can't make
// the packet of the draft.
func (d draft) withoutOffset(bare encodedPacket) encodedPacket {
	if !d.srv.codec.cutsEmpty() {
		return bare
	}
	p := d.srv.newPacket()
	b := p.Begin()
	p.End(d.srv.codec.cutEmpty(append(b, d.body[len(b):]...)))
	for _, a := range d.attachments {
		a.Retain()
	}
	return encodedPacket{head: p, attachments: d.attachments, outgoing: d.outgoing, kind: d.kind}
}

// place keeps a packet at its offset.
func (lg *sharedLog) place(o recovery.Offset, m encodedPacket, to adapter.Options) encodedPacket {
	lg.log.Place(lg.now(), o, keptPacket(m, to.Rooms, to.Except))
	lg.wake()
	lg.wakeWaiting()
	return m
}

// look asks the adapter what it has handed over (Since). lg.mu is not held,
// because the adapter may do anything. It is called before a packet gets its
// place, so that what Since reports until then is known to everything that
// looks at the log afterwards.
func (lg *sharedLog) look() (changed <-chan struct{}) {
	r := lg.keeper.Load()
	if r == nil {
		return nil // nothing is known yet
	}
	lg.looking.Lock()
	defer lg.looking.Unlock()
	lg.ns.srv.protect("restore", func() {
		var text string
		text, changed = (*r).Since()
		if text == lg.sinceText {
			return
		}
		lg.sinceText = text
		lg.mu.Lock()
		defer lg.mu.Unlock()
		lg.log.SetSince(recovery.ParseEntryID(text))
	})
	return changed
}

// wakeWaiting ends the waiting for offsets that have been reached.
func (lg *sharedLog) wakeWaiting() {
	waiting := lg.waiting[:0]
	for _, w := range lg.waiting {
		if w.offset.Compare(lg.log.Last()) <= 0 {
			close(w.done)
		} else {
			waiting = append(waiting, w)
		}
	}
	clear(lg.waiting[len(waiting):])
	lg.waiting = waiting
}

// recall asks the adapter for the session that a client asks for, unless that
// was done.
func (lg *sharedLog) recall(s *Socket, auth []byte, state joinState) (back *membership, waits bool) {
	if state.restored {
		if state.back != nil {
			lg.mu.Lock()
			defer lg.mu.Unlock()
			state.back.Occupy(s)
		}
		return state.back, false
	}
	if r := requestOf(auth); r.PID != "" {
		s.client.restore(lg, auth, r)
		return nil, true
	}
	return nil, false
}

// giveBack has the adapter keep the session again. What follows must happen
// however the adapter ends.
func (lg *sharedLog) giveBack(back *membership) {
	lg.ns.srv.apart("persist", func() {
		(*lg.keeper.Load()).Persist(back.History.Record.(adapter.Session))
	})
	lg.mu.Lock()
	defer lg.mu.Unlock()
	back.DropHistory()
}

// admit makes a socket a member of its namespace. If the log evicted some of
// what the client has missed while the middlewares ran, that is read first.
func (lg *sharedLog) admit(s *Socket) (pid string, missed []encodedPacket, ok bool) {
	m := s.membership()
	lg.mu.Lock()
	if m != nil && !lg.log.Complete(m) {
		lg.mu.Unlock()
		if s.open() {
			s.enqueue(catchUpJob{lg}, true)
		}
		return "", nil, false
	}
	pid, missed, ok = lg.enter(s, m)
	lg.mu.Unlock()
	lg.ns.rooms.FlushEvents(&s.member)
	return pid, missed, ok
}

// closed ends a socket's part in its session, which the adapter keeps if the
// client may come back.
func (lg *sharedLog) closed(s *Socket, reason Reason) {
	m := s.membership()
	if m == nil {
		return
	}
	lg.mu.Lock()
	m.DropHistory()
	keep := reason.recoverable() && lg.log.Pass(lg.now(), m)
	rooms := append(m.Session.Rooms(), s.ID())
	lg.mu.Unlock()
	if !keep {
		return
	}
	r := *lg.keeper.Load()
	s.withData("persist", func(data []byte) {
		r.Persist(adapter.Session{ID: s.ID(), PID: m.Session.PID, Rooms: rooms, Data: data, Namespace: s.ns.name})
	})
}

// admitted reports whether the middlewares of the namespace have let the
// client in before. An adapter may keep the sessions of all namespaces by pid,
// so a session without a namespace may be from another one.
func admitted(back *membership) bool {
	return back != nil && (back.History == nil || back.History.Record.(adapter.Session).Namespace != "")
}

// mayReturn reports whether a client that is gone may come back.
func (lg *sharedLog) mayReturn(m *membership) bool {
	if m == nil {
		return false
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	return lg.log.Awaited(lg.now(), m)
}
