package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// senderOf returns the sender with a key.
func (w *World) senderOf(key string) *sender {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.senders[key] == nil {
		w.senders[key] = &sender{key: key}
	}
	return w.senders[key]
}

// message makes the next message of a sender. w.mu is held.
func (w *World) message(from *sender, nsp string, o *op) *message {
	from.n++
	m := &message{
		head: messageHead{from.key, from.n}, order: len(w.messages), at: time.Now(), size: o.size, binary: o.binary, nsp: nsp,
		answers: o.answers, except: o.skip, given: make(map[string]time.Time),
	}
	w.messages[m.head] = m
	return m
}

func (m *message) values() []any {
	all := []any{m.head, fill(m.key(), m.size)}
	if m.binary {
		all = append(all, []byte(fill(m.key()+"b", m.size/2)))
	}
	return all
}

// do carries out an op for socket s, or for the application when s is nil.
func (w *World) do(ctx context.Context, n *node, s *sio.Socket, from *sender, o *op) {
	ns := n.server.Namespace
	if s != nil {
		ns = s.Namespace()
	} else if o.pick%2 == 0 {
		ns = n.server.Of("/x")
	}
	switch o.kind {
	case emitSelf, emitSocket, emitRoom, emitAll, emitOthers:
		for i := range o.times {
			if i > 0 && o.pick%3 == 0 && s != nil && from.key[len(from.key)-1] == 'h' {
				w.gate("more of " + from.key)
			}
			w.emit(n, ns, s, from, o)
		}
	case block:
		time.Sleep(o.wait)
	case emitAck:
		w.emitAck(ctx, n, s, from, o)
	case emitAckRoom:
		w.emitAckRoom(n, ns, from, o)
	case fetch, count:
		w.query(n, ns, o)
	case serverEmit:
		w.tolerate(ns.ServerSideEmit("s", 1))
	case serverEmitAck:
		limited, cancel := context.WithTimeout(context.Background(), o.wait)
		defer cancel()
		answers, err := ns.ServerSideEmitAck(limited, "s", 1)
		if up := w.nodesUp(); len(answers) >= max(up, w.opt.Nodes) {
			w.failf("%d answers of %d nodes: %v", len(answers), up, err)
		}
	case flush:
		limited, cancel := context.WithTimeout(context.Background(), o.wait)
		defer cancel()
		_ = s.Flush(limited)
	default:
		w.change(n, ns, s, o)
	}
}

// change carries out ops that change sockets.
func (w *World) change(n *node, ns *sio.Namespace, s *sio.Socket, o *op) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var mb *member
	if s != nil {
		if mb = n.memberOf(s); mb == nil {
			return
		}
	}
	sel := selector{rooms: o.rooms, except: o.except, local: o.local}
	switch o.kind {
	case join:
		w.join(s, mb, o.rooms[0])
	case leave:
		w.leave(s, mb, o.rooms[0])
	case setData:
		if err := s.SetData(o.size); err != nil && !errors.Is(err, sio.ErrDisconnected) {
			w.fail(fmt.Sprintf("%v: SetData: %v", mb, err))
		}
	case disconnectSelf:
		mb.parting = true
		s.Disconnect(o.closes)
	case socketsJoin, socketsLeave, disconnectRoom:
		act := &action{op: o, nsp: ns.Name(), sel: sel}
		w.current = act
		defer func() { w.current = nil }()
		b := operator(ns.Except(o.except...).In(o.rooms...), o)
		n.begin(act)
		switch o.kind {
		case socketsJoin:
			w.tolerateLocked(b.SocketsJoin("e"))
		case socketsLeave:
			w.tolerateLocked(b.SocketsLeave("e", o.rooms[0]))
		default:
			w.tolerateLocked(b.DisconnectSockets(o.closes))
		}
		n.finish(act)
	}
}

func operator(b sio.BroadcastOperator, o *op) sio.BroadcastOperator {
	if o.volatile {
		b = b.Volatile()
	}
	if o.local {
		b = b.Local()
	}
	return b
}

// action is an operation that reaches the sockets of several nodes.
type action struct {
	op      *op
	nsp     string
	sel     selector
	message *message // of a broadcast
	matched []*member
}

// begin finds the sockets of a node that an action is about.
func (n *node) begin(act *action) {
	if act.message != nil {
		n.w.cast(n, act.message)
		return
	}
	act.matched = nil
	for _, mb := range n.members {
		if mb.nsp == act.nsp && act.sel.matches(mb) {
			act.matched = append(act.matched, mb)
			if act.op.kind == disconnectRoom {
				mb.parting = true
			}
		}
	}
}

// finish does to the model what the action has done to the sockets.
func (n *node) finish(act *action) {
	for _, mb := range act.matched {
		if !mb.server.Connected() {
			if mb.mayBeBack() && act.op.kind != disconnectRoom {
				mb.unsure["e"], mb.unsure[act.op.rooms[0]] = true, true
			}
			continue
		}
		mb.changes++
		switch act.op.kind {
		case socketsJoin:
			mb.rooms["e"] = true
		case socketsLeave:
			delete(mb.rooms, "e")
			delete(mb.rooms, act.op.rooms[0])
		case disconnectRoom:
			if mb.stage == present {
				n.w.fail(fmt.Sprintf("%v is still connected after DisconnectSockets", mb))
			}
		}
	}
}

// emit emits one message.
func (w *World) emit(n *node, ns *sio.Namespace, s *sio.Socket, from *sender, o *op) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.message(from, ns.Name(), o)
	m.volatile = o.volatile
	w.record(fmt.Sprintf("%v: %s in %s of node %d", m, kindNames[o.kind], m.nsp, n.index))
	if o.kind == emitSelf {
		mb := n.memberOf(s)
		mb.expect(m, mb.stage != finished && (mb.certain() || m.kept()))
		var err error
		if o.volatile {
			err = s.Volatile().Emit("m", m.values()...)
		} else {
			err = s.Emit("m", m.values()...)
		}
		if err != nil {
			mb.withdraw(m)
			if s.Connected() {
				w.fail(fmt.Sprintf("%v: Emit: %v", mb, err))
			}
		}
		return
	}
	var b sio.BroadcastOperator
	switch o.kind {
	case emitAll:
		b = ns.To()
	case emitOthers:
		b = s.Broadcast()
		m.target.self = s.ID()
	case emitSocket:
		var others []*member
		for _, mb := range n.members {
			if mb.nsp == m.nsp {
				others = append(others, mb)
			}
		}
		if len(others) == 0 {
			return
		}
		m.target.rooms = []string{others[o.pick%len(others)].id}
		b = ns.To(m.target.rooms...)
	default:
		m.target.rooms, m.target.except = o.rooms, o.except
		b = ns.To(o.rooms...).Except(o.except...)
		if s != nil && o.pick%2 == 0 {
			b = s.To(o.rooms...).Except(o.except...)
			m.target.self = s.ID()
		}
	}
	act := &action{message: m}
	w.current = act
	defer func() { w.current = nil }()
	n.begin(act)
	if err := operator(b, o).Emit("m", m.values()...); err != nil {
		w.fail(fmt.Sprintf("%v: %v", m, err))
	}
}

// withdraw is for a message that was not sent.
func (mb *member) withdraw(m *message) {
	if st := mb.streams[m.head.S]; st != nil {
		st.expected = slices.DeleteFunc(st.expected, func(e expectation) bool { return e.m == m })
	}
}

// emitAck emits one message to s and waits for its acknowledgement.
func (w *World) emitAck(ctx context.Context, n *node, s *sio.Socket, from *sender, o *op) {
	w.mu.Lock()
	m := w.message(from, s.Namespace().Name(), o)
	m.asks = true
	mb := n.memberOf(s)
	connected := s.Connected() // not that of a socket which has taken its place
	mb.expect(m, connected && mb.certain())
	w.record(fmt.Sprintf("%v asks for an acknowledgement", m))
	w.mu.Unlock()
	began := time.Now()
	args, err := s.Timeout(o.wait).EmitAck(ctx, "m", m.values()...)
	took := time.Since(began)
	w.mu.Lock()
	defer w.mu.Unlock()
	at, given := m.given[mb.key()]
	switch {
	case err == nil:
		w.checkAnswer(m, args, map[string]bool{})
		if !given || m.answers == never {
			w.fail(fmt.Sprintf("%v is acknowledged, but %v did not answer", m, mb))
		}
	case errors.Is(err, sio.ErrTimeout):
		if took < o.wait {
			w.fail(fmt.Sprintf("%v: time-out after %v, before %v", m, took, o.wait))
		}
		// With small limits a connection is not read while events wait behind
		// this handler, so that its acknowledgement waits, too.
		if given && took > o.wait/2+2*time.Second && at.Sub(began) < o.wait-2*time.Second && mb.certain() && mb.socket != nil && mb.undisturbed(began) && !w.opt.Tight {
			w.fail(fmt.Sprintf("%v: time-out after %v, but %v answered after %v", m, took, mb, at.Sub(began)))
		}
	case connected && s.Connected() && !errors.Is(err, context.Canceled):
		w.fail(fmt.Sprintf("%v: EmitAck: %v", m, err))
	case took > o.wait+time.Second:
		w.fail(fmt.Sprintf("%v: EmitAck: %v after %v", m, err, took))
	}
}

// undisturbed reports whether the client has read and written since.
func (mb *member) undisturbed(since time.Time) bool {
	c := mb.client
	return !c.stall && !c.silent && c.troubled.Before(since)
}

// checkAnswer checks one acknowledgement of a message.
func (w *World) checkAnswer(m *message, args sio.RawArgs, seen map[string]bool) {
	var r reply
	if err := args.Bind(&r); err != nil || r.N != m.head.N || r.Text != fill(m.key()+r.Key, m.size) {
		w.fail(fmt.Sprintf("%v: acknowledgement %.80v: %v", m, args, err))
		return
	}
	if seen[r.Key] {
		w.fail(fmt.Sprintf("%v: %s acknowledges twice", m, r.Key))
	}
	seen[r.Key] = true
	if _, given := m.given[r.Key]; !given {
		w.fail(fmt.Sprintf("%v: %s did not answer", m, r.Key))
	}
}

// emitAckRoom emits one message to rooms and waits for acknowledgements.
func (w *World) emitAckRoom(n *node, ns *sio.Namespace, from *sender, o *op) {
	w.mu.Lock()
	m := w.message(from, ns.Name(), o)
	m.asks = true
	m.target = selector{rooms: o.rooms, except: o.except, local: o.local}
	act := &action{message: m}
	n.begin(act)
	w.acting[m.head] = act
	w.record(fmt.Sprintf("%v asks for acknowledgements", m))
	w.mu.Unlock()
	b := ns.To(o.rooms...).Except(o.except...)
	if o.local {
		b = b.Local()
	}
	began := time.Now()
	answers, err := b.Timeout(o.wait).EmitAck(context.Background(), "m", m.values()...)
	took := time.Since(began)
	w.mu.Lock()
	defer w.mu.Unlock()
	var partial *sio.AckError
	if errors.As(err, &partial) && len(answers) == 0 {
		answers = partial.Responses
	}
	seen := make(map[string]bool)
	for _, a := range answers {
		w.checkAnswer(m, a, seen)
	}
	if took > o.wait+2*time.Second {
		w.fail(fmt.Sprintf("%v: acknowledgements took %v of %v", m, took, o.wait))
	}
}

// query asks for the sockets of rooms.
func (w *World) query(n *node, ns *sio.Namespace, o *op) {
	sel := selector{rooms: o.rooms, except: o.except, local: o.local}
	type sight struct {
		mb      *member
		changes int
	}
	var sights []sight
	known := make(map[string]bool)
	w.mu.Lock()
	for _, other := range w.nodes {
		for _, mb := range other.members {
			if (other == n || !o.local) && mb.nsp == ns.Name() && sel.matches(mb) && mb.certain() {
				sights = append(sights, sight{mb, mb.changes})
			}
		}
	}
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), o.wait)
	defer cancel()
	b := ns.In(o.rooms...).Except(o.except...)
	if o.local {
		b = b.Local()
	}
	var err error
	total := 0
	if o.kind == fetch {
		var found []sio.RemoteSocket
		found, err = b.FetchSockets(ctx)
		for _, f := range found {
			if known[f.ID()] {
				w.failf("FetchSockets returns %s twice", f.ID())
			}
			known[f.ID()] = true
		}
		total = len(found)
	} else {
		total, err = b.CountSockets(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if o.kind == fetch {
		for id := range known {
			if w.members[id+ns.Name()] == nil {
				w.fail(fmt.Sprintf("FetchSockets returns %s, which no server has", id))
			}
		}
	}
	if err != nil || w.busTrouble(ns.Name()) {
		return
	}
	stable := 0
	for _, v := range sights {
		if v.mb.changes == v.changes && v.mb.certain() {
			stable++
			if o.kind == fetch && !known[v.mb.id] {
				w.fail(fmt.Sprintf("FetchSockets of %v does not return %v", sel, v.mb))
			}
		}
	}
	if total < stable {
		w.fail(fmt.Sprintf("%d sockets are in %v, at least %d should be", total, sel, stable))
	}
}

// tolerate accepts the errors that a faulty bus causes.
func (w *World) tolerate(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tolerateLocked(err)
}

func (w *World) tolerateLocked(err error) {
	if err != nil && !errors.Is(err, sio.ErrServerClosed) {
		w.fail(err.Error())
	}
}
