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
