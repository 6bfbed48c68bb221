package sio_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
)

// medium connects the servers of a test.
type medium interface {
	connect(local adapter.Local) adapter.Adapter
	silence(on bool) // the other servers do not answer
	closes() int     // how many adapters were closed
}

// bus is the least that an adapter can be.
type bus struct {
	mu     sync.Mutex
	nodes  []*node
	silent bool
	closed int
}

func (b *bus) silence(on bool) { b.silent = on }

func (b *bus) closes() int { return b.closed }

// node is one namespace of one server. It implements adapter.Adapter.
type node struct {
	bus   *bus
	local adapter.Local
}

func (b *bus) connect(local adapter.Local) adapter.Adapter {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := &node{b, local}
	b.nodes = append(b.nodes, n)
	return n
}

// others are the servers' namespaces of the same name, n's own left out.
func (n *node) others() (list []adapter.Local) {
	n.bus.mu.Lock()
	defer n.bus.mu.Unlock()
	for _, other := range n.bus.nodes {
		if other != n && other.local.Namespace() == n.local.Namespace() {
			list = append(list, other.local)
		}
	}
	return list
}

func (n *node) all() []adapter.Local { return append(n.others(), n.local) }

func (n *node) Broadcast(p adapter.Packet, o adapter.Options) error {
	for _, l := range n.all() {
		l.Broadcast(p, o)
	}
	return nil
}

func (n *node) BroadcastAck(ctx context.Context, p adapter.Packet, o adapter.Options, acks adapter.Acks) error {
	others := n.others()
	acks.Servers(len(others))
	for _, l := range others {
		if !n.bus.silent {
			l.BroadcastAck(ctx, p, o, acks)
		}
	}
	return n.local.BroadcastAck(ctx, p, o, acks)
}

func (n *node) FetchSockets(ctx context.Context, o adapter.Options) (list []adapter.Details, err error) {
	if n.bus.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, l := range n.others() {
		list = append(list, l.Sockets(o)...)
	}
	return list, nil
}

func (n *node) CountSockets(ctx context.Context, o adapter.Options) (count int, err error) {
	list, err := n.FetchSockets(ctx, o)
	return len(list), err
}

func (n *node) AddSockets(o adapter.Options, rooms []string) error {
	for _, l := range n.all() {
		l.AddSockets(o, rooms)
	}
	return nil
}

func (n *node) DelSockets(o adapter.Options, rooms []string) error {
	for _, l := range n.all() {
		l.DelSockets(o, rooms)
	}
	return nil
}

func (n *node) DisconnectSockets(o adapter.Options, closeConnections bool) error {
	for _, l := range n.all() {
		l.DisconnectSockets(o, closeConnections)
	}
	return nil
}

func (n *node) ServerSideEmit(p adapter.Packet) error {
	for _, l := range n.others() {
		l.ServerSideEvent(p, nil)
	}
	return nil
}

func (n *node) ServerSideEmitAck(ctx context.Context, p adapter.Packet) (answers []adapter.Answer, err error) {
	if n.bus.silent {
		return nil, errors.New("nobody answers")
	}
	for _, l := range n.others() {
		l.ServerSideEvent(p, func(a adapter.Answer) { answers = append(answers, a) })
	}
	return answers, nil
}

func (n *node) ServerCount(context.Context) (int, error) { return len(n.all()), nil }

func (n *node) Close() error {
	n.bus.mu.Lock()
	defer n.bus.mu.Unlock()
	n.bus.closed++
	return nil
}

// TestAdapter drives two servers through the least of adapters, and through the
// nodes of a cluster.
func TestAdapter(t *testing.T) {
	t.Run("least", func(t *testing.T) { testAdapter(t, new(bus)) })
	t.Run("cluster", func(t *testing.T) { testAdapter(t, &wires{t: t}) })
}

func testAdapter(t *testing.T, b medium) {
	setup := func(f *fixture) {
		echo(f)
		f.OnServerEvent("sum", func(e *sio.ServerEvent) {
			var x, y int
			if err := e.Bind(&x, &y); err != nil || !e.WantsAck() {
				t.Errorf("the event is %q, %v", e.Name(), err)
			}
			if err := e.Ack(x + y); err != nil {
				t.Error(err)
			}
			if err := e.Ack(0); !errors.Is(err, sio.ErrAcked) {
				t.Errorf("the second Ack gave %v", err)
			}
		})
		f.OnServerEvent("note", func(e *sio.ServerEvent) {
			if err := e.Ack(1); !errors.Is(err, sio.ErrAcked) {
				t.Errorf("Ack gave %v", err)
			}
			record(f, f.errors, errors.New("note "+string(e.Raw(0))))
		})
	}
	one := serve(t, sio.Config{Adapter: b.connect}, setup)
	two := serve(t, sio.Config{Adapter: b.connect}, setup)
	clients := []*ws{one.join(t), two.join(t)}
	s := []*sio.Socket{wait.For(t, "socket", one.connected), wait.For(t, "socket", two.connected)}
	s[0].Join("r")
	s[1].Join("r")
	ctx := t.Context()

	t.Run("broadcast", func(t *testing.T) {
		for _, tc := range []struct {
			to   sio.BroadcastOperator
			want []int
		}{
			{one.To("r"), []int{0, 1}},
			{two.To(s[0].ID()), []int{0}},
			{one.Local(), []int{0}},
			{s[0].To("r"), []int{1}},
			{s[1].Local(), nil},
			{one.Except(s[0].ID()), []int{1}},
		} {
			wantReached(t, tc.to, clients, tc.want...)
		}
		one.Emit("bin", []byte{1})
		for _, w := range clients {
			w.want(`451-["bin",`+p0+`]`, "b:01")
		}
	})
	t.Run("acknowledgements", func(t *testing.T) {
		c := askAll(ctx, one.To("r"))
		for i, w := range clients {
			w.want(`420["q"]`)
			w.send([]string{`430["a"]`, `430["b"]`}[i])
		}
		wait.For(t, "answers", c).check(t, nil, "a", "b")
		c = askAll(ctx, one.To("r").Local())
		clients[0].want(`421["q"]`)
		clients[0].send(`431["a"]`)
		wait.For(t, "answers", c).check(t, nil, "a")
	})
	t.Run("sockets", func(t *testing.T) {
		s[1].SetData(map[string]int{"n": 7})
		sockets, err := one.FetchSockets(ctx)
		if err != nil || len(sockets) != 2 || sockets[0] != sio.RemoteSocket(s[0]) {
			t.Fatalf("fetched %v, %v", sockets, err)
		}
		r := sockets[1]
		if r.ID() != s[1].ID() || !slices.Equal(r.Rooms(), s[1].Rooms()) || string(r.Data().(json.RawMessage)) != `{"n":7}` {
			t.Errorf("the remote socket is %+v", r)
		}
		got, want := r.Handshake(), s[1].Handshake()
		if got.URL != want.URL || got.Headers["x-test"] != "yes" || got.Query["token"] != "abc" || string(got.Auth) != "{}" ||
			got.Issued.UnixMilli() != want.Issued.UnixMilli() || got.Address.Addr() != want.Address.Addr() {
			t.Errorf("the handshake is %+v, want %+v", got, want)
		}
		r.Emit("hi")
		clients[1].want(`42["hi"]`)
		c := make(chan answer, 1)
		go func() {
			v, err := sio.EmitAck[string](ctx, r, "q")
			c <- answer{v, err}
		}()
		clients[1].want(`421["q"]`)
		clients[1].send(`431["x"]`)
		if got := wait.For(t, "answer", c); got != (answer{"x", nil}) {
			t.Errorf("the answer is %+v", got)
		}
		r.Join("q")
		r.Leave("r")
		if rooms := s[1].Rooms(); !slices.Equal(rooms, []string{s[1].ID(), "q"}) {
			t.Errorf("it is in %q", rooms)
		}
		one.To("q").SocketsJoin("r")
		one.To("q").SocketsLeave("q")
		if rooms := s[1].Rooms(); !slices.Equal(rooms, []string{s[1].ID(), "r"}) {
			t.Errorf("it is in %q", rooms)
		}
	})
	t.Run("server side", func(t *testing.T) {
		answers, err := one.ServerSideEmitAck(ctx, "sum", 1, 2)
		if err != nil || len(answers) != 1 || string(answers[0].Raw(0)) != "3" {
			t.Errorf("got %v, %v", answers, err)
		}
		one.ServerSideEmit("note", "x")
		if err := wait.For(t, "note", two.errors); err.Error() != `note "x"` {
			t.Error(err)
		}
		empty(t, "notes to itself", one.errors)
	})
	t.Run("silent", func(t *testing.T) {
		b.silence(true)
		defer b.silence(false)
		if sockets, err := one.Timeout(time.Millisecond).FetchSockets(ctx); !errors.Is(err, sio.ErrTimeout) || len(sockets) != 1 || sockets[0] != sio.RemoteSocket(s[0]) {
			t.Errorf("FetchSockets: %v, %v", sockets, err)
		}
		var partial *sio.AckError
		if _, err := one.ServerSideEmitAck(ctx, "sum"); !errors.As(err, &partial) || partial.Missing != 1 {
			t.Errorf("ServerSideEmitAck: %v", err)
		}
		waiting, cancel := context.WithCancel(ctx)
		c := askAll(waiting, one.To())
		clients[0].want(`423["q"]`) // 2 was for the remote socket
		clients[0].send(`433["a"]`)
		clients[0].alive()
		cancel()
		wait.For(t, "answers", c).check(t, context.Canceled, "a")
	})
	t.Run("disconnect", func(t *testing.T) {
		one.DisconnectSockets(true)
		for _, w := range clients {
			w.want("41")
			w.wantClosed()
		}
	})
	one.Of("/other")
	for i, f := range []*fixture{one, two} {
		if err := f.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if want := []int{2, 3}[i]; b.closes() != want {
			t.Errorf("%d adapters were closed, want %d", b.closes(), want)
		}
	}
}
