package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// node is one server and what the oracle knows of it.
type node struct {
	w        *World
	index    int
	addr     string
	lives    int
	server   *sio.Server
	up       bool
	recovery time.Duration // 0 without
	members  []*member     // in the order of their arrival
	bus      *hub
}

// running counts a handler that runs, until the result is called.
func (w *World) running(srv *sio.Server) (returns func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.handlers[srv]++; w.opt.Tight && w.handlers[srv] > w.config.MaxHandlers {
		w.fail(fmt.Sprintf("%d handlers run, may be %d", w.handlers[srv], w.config.MaxHandlers))
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.handlers[srv]--
	}
}

// sender is a goroutine that emits: a socket's handlers, or one of the
// application's.
type sender struct {
	key string
	n   int
}

// start starts the server.
func (n *node) start() {
	w := n.w
	n.lives++
	cfg := w.config
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.NoClient = true
	if w.opt.Nodes > 1 {
		n.bus = w.newHub(n)
		cfg.Adapter = n.bus.adapter
	}
	srv, err := sio.New(cfg)
	if err == nil {
		n.register(srv)
		err = srv.Listen(n.addr)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	n.server, n.up, n.members = srv, true, nil
	if cfg.ConnectionStateRecovery != nil {
		n.recovery = cfg.ConnectionStateRecovery.MaxDisconnectionDuration
	}
	w.record(fmt.Sprintf("node %d starts", n.index))
}

// evicted is how much recovery has dropped.
func (n *node) evicted() uint64 { return n.server.Stats().Recovery.Evicted }

// register registers the application.
func (n *node) register(srv *sio.Server) {
	time.Sleep(time.Microsecond) // namespaces of one instant have timers of one instant, which have no order
	parent := srv.OfFunc(func(name string, _ json.RawMessage) bool {
		defer n.w.running(srv)()
		n.w.gate("parent " + name)
		return strings.HasPrefix(name, "/dyn-")
	})
	for _, ns := range []*sio.Namespace{srv.Namespace, srv.Of("/x"), parent} {
		ns.Use(n.middleware)
		ns.OnConnection(n.connection)
		ns.OnDisconnect(n.disconnect)
		ns.On("op", n.event)
		ns.On("inline", n.inline, sio.Inline())
		ns.OnServerEvent("s", func(e *sio.ServerEvent) {
			n.w.gate(fmt.Sprintf("server event at %d", n.index))
			if e.WantsAck() {
				_ = e.Ack(n.index)
			}
		})
	}
}

// clientOf finds the client of a socket by what it has sent.
func (n *node) clientOf(s *sio.Socket) (c *client, serial string) {
	serial = s.Handshake().Query["from"]
	var id, life int
	if _, err := fmt.Sscanf(serial, "c%d.%d", &id, &life); err != nil || id >= len(n.w.clients) {
		n.w.failf("a socket of %q", serial)
		return n.w.clients[0], serial
	}
	return n.w.clients[id], serial
}

func (n *node) middleware(s *sio.Socket) error {
	w := n.w
	defer w.running(s.Namespace().Server())()
	c, serial := n.clientOf(s)
	w.gate("middleware " + serial + s.Namespace().Name())
	var auth struct {
		From string
		Deny bool
	}
	if err := s.Handshake().BindAuth(&auth); err != nil || c.version == 4 && auth.From != serial {
		w.failf("%s has auth %s: %v", serial, s.Handshake().Auth, err)
	}
	if auth.Deny {
		return errors.New("denied")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	mb := &member{
		id: s.ID(), client: c, node: n, nsp: s.Namespace().Name(), serial: serial, server: s,
		rooms: make(map[string]bool), unsure: make(map[string]bool), streams: make(map[string]*stream), handled: make(map[string]int),
	}
	if back := w.members[mb.key()]; back != nil {
		if s.Recovered() && back.client == c {
			return nil
		}
		w.fail(fmt.Sprintf("the id of %v is that of another socket", mb))
	}
	w.members[mb.key()] = mb
	w.all = append(w.all, mb)
	n.members = append(n.members, mb)
	return nil
}

// memberOf returns what the oracle knows of s. w.mu is held.
func (n *node) memberOf(s *sio.Socket) *member { return n.w.members[s.ID()+s.Namespace().Name()] }

func (n *node) connection(s *sio.Socket) {
	w := n.w
	defer w.running(s.Namespace().Server())()
	c, serial := n.clientOf(s)
	w.gate("connection " + serial + s.Namespace().Name())
	w.mu.Lock()
	mb := n.memberOf(s)
	if mb == nil || mb.client != c {
		w.fail(fmt.Sprintf("%s is connected as %v", serial, mb))
		w.mu.Unlock()
		return
	}
	back := mb.serial != serial
	if back != s.Recovered() {
		w.fail(fmt.Sprintf("%v is recovered: %v", mb, s.Recovered()))
	}
	mb.server, mb.serial = s, serial
	mb.changes++
	if mb.stage != finished {
		mb.stage = present
	}
	if back {
		got := roomsOf(s)
		for room := range mb.unsure {
			delete(mb.rooms, room)
			if slices.Contains(got, room) {
				mb.rooms[room] = true
			}
		}
		clear(mb.unsure)
		if got, want := roomsOf(s), roomList(mb); s.Connected() && !slices.Equal(got, want) {
			w.fail(fmt.Sprintf("%v is back in rooms %v, want %v", mb, got, want))
		}
	} else {
		w.join(s, mb, roomNames[c.id%len(roomNames)])
	}
	w.mu.Unlock()
	w.gate("greeting " + serial + s.Namespace().Name())
	w.do(context.Background(), n, s, &sender{key: serial + s.Namespace().Name() + "+"}, &op{kind: emitSelf, times: 1, size: 10})
}

func (n *node) disconnect(s *sio.Socket, reason sio.Reason) {
	w := n.w
	defer w.running(s.Namespace().Server())()
	w.gate("disconnect " + s.ID() + s.Namespace().Name())
	w.mu.Lock()
	defer w.mu.Unlock()
	mb := n.memberOf(s)
	if mb == nil {
		return
	}
	w.record(fmt.Sprintf("%v is disconnected: %s", mb, reason))
	if mb.server != s {
		return // it has come back meanwhile
	}
	mb.reason, mb.lostAt = reason, time.Now()
	mb.changes++
	if n.recovery == 0 || mb.client.version == 3 || !recoverable(reason) {
		mb.finish()
		n.members = slices.DeleteFunc(n.members, func(other *member) bool { return other == mb })
	} else if mb.stage != finished {
		mb.stage = absent
	}
}

// join puts a socket into a room. w.mu is held, as in the following functions.
func (w *World) join(s *sio.Socket, mb *member, room string) {
	if err := s.Join(room); err != nil {
		w.fail(fmt.Sprintf("%v: Join: %v", mb, err))
	}
	if s.Connected() {
		mb.rooms[room] = true
		mb.changes++
	}
}

func (w *World) leave(s *sio.Socket, mb *member, room string) {
	if err := s.Leave(room); err != nil {
		w.fail(fmt.Sprintf("%v: Leave: %v", mb, err))
	}
	if s.Connected() {
		delete(mb.rooms, room)
		mb.changes++
	}
}

func roomsOf(s *sio.Socket) []string {
	all := slices.DeleteFunc(s.Rooms(), func(r string) bool { return r == s.ID() })
	slices.Sort(all)
	return all
}

func roomList(mb *member) []string {
	all := []string{}
	for r := range mb.rooms {
		all = append(all, r)
	}
	slices.Sort(all)
	return all
}

// event handles an event of a client on a worker.
func (n *node) event(ctx context.Context, e *sio.Event) error {
	w, s := n.w, e.Socket()
	defer w.running(s.Namespace().Server())()
	o, h := n.arrived(e, "op")
	if o == nil {
		return nil
	}
	key := h.From + s.Namespace().Name()
	w.gate(fmt.Sprintf("event %s %d", key, h.N))
	text := fill(fmt.Sprintf("%sack%d", key, h.N), o.size)
	ack := func(give func(args ...any) error, wants bool) {
		if err := give(h.N, text); (err == nil) != wants && s.Connected() {
			w.failf("event %s %d: Ack: %v", key, h.N, err)
		}
	}
	if o.acking == ackFirst || o.acking == ackTwice {
		ack(e.Ack, o.wantsAck)
	}
	switch o.kind {
	case panics:
		panic("planned")
	case goexit:
		runtime.Goexit()
	case fails:
		return errors.New("planned")
	}
	w.do(ctx, n, s, w.senderOf(key+"h"), o)
	switch o.acking {
	case ackLast:
		ack(e.Ack, o.wantsAck)
	case ackTwice:
		ack(e.Ack, false)
	case ackLater:
		if r := e.Reply(); o.wantsAck {
			w.spawn(func() {
				time.Sleep(o.wait)
				w.gate(fmt.Sprintf("reply %s %d", key, h.N))
				ack(r.Ack, true)
			})
		}
	}
	return nil
}

// inline handles an event on the loop.
func (n *node) inline(ctx context.Context, e *sio.Event) error {
	w, s := n.w, e.Socket()
	o, h := n.arrived(e, "inline")
	if o == nil {
		return nil
	}
	key := h.From + s.Namespace().Name()
	if o.kind == panics {
		panic("planned")
	}
	w.do(ctx, n, s, w.senderOf(key+"i"), o)
	if o.wantsAck {
		if err := e.Ack(h.N, fill(fmt.Sprintf("%sack%d", key, h.N), o.size)); err != nil && s.Connected() {
			w.failf("inline event %s %d: Ack: %v", key, h.N, err)
		}
	}
	return nil
}

// arrived checks an event: it comes once, whole and in order.
func (n *node) arrived(e *sio.Event, name string) (*op, head) {
	w, s := n.w, e.Socket()
	var h head
	var text string
	var blob []byte
	if err := e.Bind(&h, &text, &blob); err != nil {
		w.failf("event %v: %v", e.RawArgs, err)
		return nil, h
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	mb := n.memberOf(s)
	if mb == nil || h.Op < 0 || h.Op >= len(w.ops) {
		w.fail(fmt.Sprintf("event %v of %s, which is no member", e.RawArgs, s.ID()))
		return nil, h
	}
	o := w.ops[h.Op]
	key := fmt.Sprintf("%s%s%s%d", h.From, mb.nsp, name, h.N)
	if text != fill(key, o.size) || o.binary != (blob != nil) || o.binary && string(blob) != fill(key+"b", o.size/2) {
		w.fail(fmt.Sprintf("%v: event %.80v is not as it was sent", mb, e.RawArgs))
	}
	if _, serial := n.clientOf(s); serial != h.From {
		w.fail(fmt.Sprintf("%v: event %v is of another session, not %s", mb, h, serial))
	}
	last := mb.handled[h.From+name]
	if h.N != last+1 && !mb.parting {
		w.fail(fmt.Sprintf("%v: event %v follows event %d", mb, h, last))
	}
	mb.handled[h.From+name] = h.N
	w.handled++
	return o, h
}

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
