package sio

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/recovery"
)

// ownLog is the delivery of a namespace whose log is this server's alone. A
// client asks for its session when it connects. It waits a moment when the
// server has not noticed yet that its connection was lost.
type ownLog struct{ *recoveryLog }

// emit sends an event to the socket, or to the socket that has taken its place.
func (lg ownLog) emit(o SocketEmitter, event string, args []any) error {
	if o.volatile {
		return direct{lg.ns}.emit(o, event, args)
	}
	s := o.socket
	d, err := eventDraft(lg.ns, event, args, o.plain)
	if err != nil {
		return err
	}
	m := s.membership()
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if !s.open() && (m == nil || !lg.log.Has(m.Session)) {
		d.drop()
		return ErrDisconnected
	}
	packet := lg.keep(d, []string{s.ID()}, nil)
	if m != nil && m.Session.Holder() != nil {
		m = m.Session.Holder()
		s = m.Socket
	}
	if !s.open() || m != nil && m.Behind {
		packet.release() // it is sent when, and if, the client is back
		return nil
	}
	return s.post(packet, false)
}

func (lg ownLog) broadcast(o BroadcastOperator, event string, args []any) error {
	if o.volatile {
		return direct{lg.ns}.broadcast(o, event, args)
	}
	d, err := eventDraft(lg.ns, event, args, o.plain)
	if err != nil {
		return err
	}
	lg.broadcastDraft(o, d)
	return nil
}

// broadcastDraft completes an event with its offset, keeps it and sends it.
func (lg ownLog) broadcastDraft(o BroadcastOperator, d draft) {
	except := o.except
	if o.self != nil {
		except = append(slices.Clip(except), o.self.ID())
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	m := lg.keep(d, o.rooms, except)
	o.post(m, nil)
	m.release()
}

// keep gives a packet its place in the log. The packet has a reference for the
// caller.
func (lg ownLog) keep(d draft, rooms, except []string) encodedPacket {
	var text [24]byte
	o := lg.log.Last().Next(uint64(max(time.Now().UnixMilli(), 0)))
	m := d.finish(string(o.AppendTo(text[:0])))
	lg.log.Keep(lg.now(), o, keptPacket(m, rooms, except))
	lg.wake()
	return m
}

func (lg ownLog) broadcastAck(ctx context.Context, o BroadcastOperator, event string, args []any, acks adapter.Acks) error {
	return direct{lg.ns}.broadcastAck(ctx, o, event, args, acks)
}

func (lg ownLog) prepare(o BroadcastOperator, event string, args []any) (p prepared, err error) {
	if o.volatile {
		return direct{lg.ns}.prepare(o, event, args)
	}
	p.ns, p.packet.Event = o.ns, event
	if p.packet.Args, err = spread(args, takesJSON); err != nil {
		return p, err
	}
	d, err := eventDraft(o.ns, event, args, o.plain)
	if err != nil {
		return p, err
	}
	p.draft = &d
	return p, nil
}

func (lg ownLog) receive(o BroadcastOperator, p adapter.Packet) error {
	own := preparedFor(lg.ns, p)
	switch {
	case own == nil:
		return lg.broadcast(o, p.Event, p.Args)
	case own.draft == nil:
		o.post(own.encoded, nil)
	default:
		d := *own.draft
		own.draft = nil
		lg.broadcastDraft(o, d)
	}
	return nil
}

// restoreRequest is what a client sends that wants to come back.
type restoreRequest struct{ PID, Offset string }

// requestOf reads the request in the authentication data of a client; PID is ""
// when there is none.
func requestOf(auth []byte) (r restoreRequest) {
	if !bytes.Contains(auth, []byte(`"pid"`)) || jsonenc.Unmarshal(auth, &r) != nil {
		return restoreRequest{}
	}
	return r
}

// recall gives the session that a client asks for to its new socket.
func (lg ownLog) recall(s *Socket, auth []byte, state joinState) (back *membership, waits bool) {
	back, holder := lg.claim(s, auth, state.outwaited)
	if holder != nil {
		s.client.awaitLoss(holder, lg.ns, auth)
	}
	return back, holder != nil
}

// claim gives the session that a client asks for to its new socket s. When
// another socket holds the session it returns that one, because the server may
// not have noticed yet that its connection was lost; unless the client has
// already waited for it (outwaited). The session may change hands meanwhile, as
// other clients with its pid come and go.
func (lg ownLog) claim(s *Socket, auth []byte, outwaited *Socket) (m *membership, holder *Socket) {
	asks := requestOf(auth)
	if asks.PID == "" {
		return nil, nil
	}
	o, valid := recovery.ParseOffset(asks.Offset)
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if !valid {
		lg.log.CountFailed()
		return nil, nil
	}
	m, other := lg.log.Claim(lg.now(), asks.PID, o, s)
	switch {
	case m != nil:
		lg.ns.depart() // s has arrived
		lg.letGo(m.Session)
		return m, nil
	case other == nil:
		return nil, nil
	case other.Socket == outwaited:
		lg.log.CountFailed()
		return nil, nil
	}
	return nil, other.Socket
}

func (lg ownLog) giveBack(back *membership) {
	lg.mu.Lock()
	defer lg.mu.Unlock()
	lg.lose(back.Session, back.Session.Data)
}

// admit makes a socket a member of its namespace. The connection ends if not
// all that the client has missed is kept any more: while the middlewares ran,
// the limits evicted some of it.
func (lg ownLog) admit(s *Socket) (pid string, missed []encodedPacket, ok bool) {
	m := s.membership()
	lg.mu.Lock()
	if m != nil && !lg.log.Complete(m) {
		if lg.log.GiveUp(m) {
			lg.report(m.Session)
		}
		lg.mu.Unlock()
		if s.open() {
			s.client.end(errMissed, true)
		}
		return "", nil, false
	}
	pid, missed, ok = lg.enter(s, m)
	if ok && m != nil && !m.Recovered {
		lg.log.Add(m.Session)
	}
	lg.mu.Unlock()
	lg.ns.rooms.FlushEvents(&s.member)
	return pid, missed, ok
}

// closed ends a socket's part in its session, which is kept if the client may
// come back.
func (lg ownLog) closed(s *Socket, reason Reason) {
	m := s.membership()
	if m == nil {
		return
	}
	data := s.Data()
	lg.mu.Lock()
	defer lg.mu.Unlock()
	switch {
	case !m.Holds() || !lg.log.Has(m.Session):
	case reason.recoverable() && !lg.ns.srv.closing.Load():
		lg.lose(m.Session, data)
	default:
		lg.log.Forget(m.Session)
	}
}

const (
	// noticeTime is how long the end of a connection may take to reach its
	// loop.
	noticeTime = 20 * time.Millisecond
	// noticeTimes is how often it is waited for when the kernel knows it
	// already: a loop that is late runs its timers first.
	noticeTimes = 50
)

// awaitLoss lets a client that asks for the session of a socket wait until the
// loop of that socket must have noticed that its connection was lost. Meanwhile
// the client counts as a socket that has arrived in the namespace, unless it
// leaves.
func (c *client) awaitLoss(holder *Socket, ns *Namespace, auth []byte) {
	j, l := c.wait(ns.name, auth, &awaitStep{ns, holder}), c.Loop()
	holder.client.Loop().PostFunc(func() { holder.notice(noticeTimes, l, j) })
}

// notice posts j to l, unless the end of the socket's connection is still to be
// noticed. It is called on the socket's loop.
func (s *Socket) notice(times int, l *loop.Loop, j *joining) {
	s.client.Loop().AfterFunc(noticeTime, func() {
		if times > 1 && s.client.HungUp() {
			s.notice(times-1, l, j)
			return
		}
		l.Post(j)
	})
}

// awaitStep waits for the end of the connection of a session's holder.
type awaitStep struct {
	ns     *Namespace
	holder *Socket
}

func (t *awaitStep) decide(j *joining) {
	defer t.ns.depart() // when it has arrived a second time
	j.client.enter(t.ns, j.auth, joinState{outwaited: t.holder})
}

func (t *awaitStep) drop(*joining) { t.ns.depart() }
