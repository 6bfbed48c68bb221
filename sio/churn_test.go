package sio_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
)

// churned is how many sockets TestChurn makes. The long form is
//
//	go test -race -run 'TestChurn$' -timeout 10m ./sio -churned 50000
var churned = flag.Int("churned", 2000, "how many sockets TestChurn makes")

// churn counts what becomes of each socket and connection of two servers.
type churn struct {
	t        *testing.T
	servers  [2]*sio.Server // the second one is attached, and has recovery
	addr     string
	life     sync.Map // *sio.Socket: *life
	left     sync.Map // events sent, by the id of a socket that left in order
	conns    sync.Map // *sio.Conn: *atomic.Int32, 1 once it is closed
	adapters sync.Map // *atomic.Int32: how often it was closed
	sockets  atomic.Int64
	handled  atomic.Int64
	refused  atomic.Int64
	back     atomic.Int64 // sockets that were recovered
	lost     atomic.Int64 // connections that the server has closed
	opened   atomic.Int64
	over     atomic.Int64
}

// life is what a socket has gone through. All its callbacks run one after the
// other.
type life struct {
	mu     sync.Mutex
	stage  int // how many of its three hooks were called
	next   int // the event that must come next
	reason sio.Reason
}

const (
	stageConnected = iota + 1
	stageDisconnecting
	stageDisconnected
)

// step moves a socket to the next stage.
func (c *churn) step(s *sio.Socket, stage int, reason sio.Reason) {
	v, _ := c.life.LoadOrStore(s, new(life))
	l := v.(*life)
	if !l.mu.TryLock() {
		c.t.Errorf("two callbacks of a socket run at once")
		return
	}
	defer l.mu.Unlock()
	if l.stage+1 != stage || stage == stageDisconnected && l.reason != reason {
		c.t.Errorf("stage %d (%s) follows stage %d (%s)", stage, reason, l.stage, l.reason)
	}
	l.stage, l.reason = stage, reason
}

func (c *churn) event(_ context.Context, s *sio.Socket, n int) error {
	v, ok := c.life.Load(s)
	if !ok {
		c.t.Errorf("an event comes before the connection")
		return nil
	}
	l := v.(*life)
	if !l.mu.TryLock() {
		c.t.Errorf("two callbacks of a socket run at once")
		return nil
	}
	defer l.mu.Unlock()
	if l.stage != stageConnected || l.next != n {
		c.t.Errorf("event %d at stage %d, want %d", n, l.stage, l.next)
	}
	l.next++
	c.handled.Add(1)
	return nil
}

// watch registers the callbacks of a namespace.
func (c *churn) watch(ns *sio.Namespace) {
	ns.OnConnection(func(s *sio.Socket) {
		c.sockets.Add(1)
		if s.Recovered() {
			c.back.Add(1)
		}
		c.step(s, stageConnected, "")
		s.Join("room")
		if s.Namespace().Server() == c.servers[1] {
			s.Emit("first")
		}
	})
	sio.On(ns, "e", c.event)
	ns.OnDisconnecting(func(s *sio.Socket, reason sio.Reason) { c.step(s, stageDisconnecting, reason) })
	ns.OnDisconnect(func(s *sio.Socket, reason sio.Reason) { c.step(s, stageDisconnected, reason) })
}

func (c *churn) config() sio.Config {
	return sio.Config{
		Loops:  2,
		Logger: slog.New(slog.DiscardHandler),
		OnOpen: func(conn *sio.Conn) {
			c.opened.Add(1)
			if _, twice := c.conns.LoadOrStore(conn, new(atomic.Int32)); twice {
				c.t.Error("a connection is opened twice")
			}
		},
		OnClose: func(conn *sio.Conn, _ sio.Reason) {
			c.over.Add(1)
			if v, ok := c.conns.Load(conn); !ok || v.(*atomic.Int32).Add(1) != 1 {
				c.t.Error("a connection is closed twice, or was not opened")
			}
		},
		Adapter: func(l adapter.Local) adapter.Adapter {
			closed := new(atomic.Int32)
			c.adapters.Store(closed, l.Namespace())
			return closingAdapter{new(bus).connect(l), func() error {
				closed.Add(1)
				return nil
			}}
		},
	}
}

// churnNames are the namespaces that clients join. The last ones are dynamic.
var churnNames = []string{"/", "/a", "/b", "/d1", "/d2", "/d3"}

// TestChurn has sockets come and go in all ways at once: clients leave, are
// lost, refused and recovered, sockets are disconnected by several goroutines,
// namespaces are closed. Each callback is called once, in order, and each event
// that has come is handled or counted.
func TestChurn(t *testing.T) {
	c := &churn{t: t}
	for i := range c.servers {
		cfg := c.config()
		if i == 1 {
			cfg.Path = "/recovering/"
			cfg.ConnectionStateRecovery = &sio.Recovery{MaxSessions: 100, MaxDisconnectionDuration: time.Second}
			cfg.Adapter = nil
		}
		server, err := sio.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.servers[i] = server
		server.Use(func(s *sio.Socket) error {
			if strings.Contains(string(s.Handshake().Auth), "refuse") {
				c.refused.Add(1)
				return errors.New("refused")
			}
			return nil
		})
		dynamic := server.OfPattern(regexp.MustCompile(`^/d\d$`))
		dynamic.Use(func(*sio.Socket) error { return nil })
		for _, ns := range []*sio.Namespace{server.Of("/"), server.Of("/a"), server.Of("/b"), dynamic} {
			c.watch(ns)
		}
	}
	if err := c.servers[0].Attach(c.servers[1]); err != nil {
		t.Fatal(err)
	}
	if err := c.servers[0].Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer c.servers[0].Close()
	c.addr = c.servers[0].Addr().String()

	stop := make(chan struct{})
	var hostile, clients sync.WaitGroup
	for i := range 4 {
		hostile.Go(func() { c.disturb(stop, rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	for i := range 16 {
		clients.Go(func() { c.visits(rand.New(rand.NewPCG(uint64(i), 2))) })
	}
	clients.Wait()
	close(stop)
	hostile.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := c.servers[0].Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	c.balance()
}

// disturb ends sockets and namespaces as an application does.
func (c *churn) disturb(stop <-chan struct{}, r *rand.Rand) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(r.IntN(100)) * time.Millisecond):
		}
		server := c.servers[r.IntN(2)]
		switch name := churnNames[r.IntN(len(churnNames))]; {
		case r.IntN(30) == 0:
			server.Of(name).DisconnectSockets(true)
		case name >= "/d" && r.IntN(2) == 0:
			server.Of(name).Close()
		case name >= "/d":
		default:
			server.Of(name).DisconnectSockets(false)
			server.Of(name).To("room").Emit("news", 1)
		}
	}
}

// visits has clients connect, one after the other, until there were enough
// sockets.
func (c *churn) visits(r *rand.Rand) {
	for c.sockets.Load() < int64(*churned) && !c.t.Failed() {
		c.visit(r)
	}
}

// visitor is a client on its way through the namespaces.
type visitor struct {
	*churn
	*ws
	sent map[string]int    // events by joined namespace
	ids  map[string]string // of the sockets, by joined namespace
	wish string            // what it comes back with, in "/"
}

// visit is one connection. A client whose connection the server has closed just
// goes.
func (c *churn) visit(r *rand.Rand) {
	defer func() {
		if v := recover(); v != nil {
			if text := fmt.Sprint(v); strings.Contains(text, "i/o timeout") {
				c.t.Error(text)
			}
			c.lost.Add(1)
		}
	}()
	recovers := r.IntN(4) == 0
	path := "/socket.io/"
	if recovers {
		path = "/recovering/"
	}
	v := c.open(path)
	defer func() { v.conn.Close() }()
	for range 5 + r.IntN(30) {
		name := churnNames[r.IntN(len(churnNames))]
		if _, in := v.sent[name]; !in {
			v.enter(name, r)
			continue
		}
		v.emit(name, r.IntN(5), r.IntN(2) == 0)
	}
	if recovers && v.wish != "" && v.ids["/"] != "" {
		if r.IntN(2) == 0 {
			v.conn.Close()
		}
		again := c.open(path)
		defer again.conn.Close()
		again.send("40" + v.wish)
		again.emit("/", 0, false)
		again.enter("/a", r)
	}
	if r.IntN(3) == 0 {
		v.send("1")
	}
}

func (c *churn) open(path string) *visitor {
	conn, err := net.DialTimeout("tcp", c.addr, wait.Patience)
	if err != nil {
		panic(err)
	}
	f := &fixture{addr: c.addr}
	v := &visitor{churn: c, ws: f.upgradeAt(new(exampleTB), conn, path, "EIO=4"), sent: make(map[string]int), ids: make(map[string]string)}
	v.recv()
	return v
}

var churnReply = regexp.MustCompile(`^4([04])(/\w+)?,?\{(?:"sid":"([^"]+)")?(?:,"pid":"([^"]+)")?`)

// enter asks for a namespace and reads until it is answered.
func (v *visitor) enter(name string, r *rand.Rand) {
	auth := ""
	if r.IntN(10) == 0 {
		auth = `{"refuse":1}`
	}
	v.send("40" + prefix(name) + auth)
	for pid := ""; ; {
		m := churnReply.FindStringSubmatch(v.recv())
		if m == nil || (m[2] != name && m[2]+"/" != name) {
			continue
		}
		if m[1] == "4" {
			return
		}
		v.sent[name], v.ids[name], pid = 0, m[3], m[4]
		if pid != "" && name == "/" {
			v.wish = ""
			for v.wish == "" {
				if packet := v.recv(); strings.HasPrefix(packet, `42["first","`) {
					v.wish = fmt.Sprintf(`{"pid":%q,"offset":%q}`, pid, strings.Split(packet, `"`)[3])
				} else if packet == "41" {
					return
				}
			}
		}
		return
	}
}

// emit sends events, and perhaps leaves in the same segment.
func (v *visitor) emit(name string, n int, leaves bool) {
	var list []string
	for range n {
		list = append(list, fmt.Sprintf(`42%s["e",%d]`, prefix(name), v.sent[name]))
		v.sent[name]++
	}
	if leaves {
		list = append(list, "41"+prefix(name))
		v.left.Store(v.ids[name], v.sent[name])
		delete(v.sent, name)
		delete(v.ids, name)
	}
	v.send(list...)
}

// balance looks at the whole when all is over.
func (c *churn) balance() {
	reasons := make(map[sio.Reason]int)
	lives := 0
	c.life.Range(func(k, v any) bool {
		s, l := k.(*sio.Socket), v.(*life)
		lives++
		reasons[l.reason]++
		if l.stage != stageDisconnected {
			c.t.Errorf("a socket ends at stage %d (%s)", l.stage, l.reason)
		}
		if sent, ok := c.left.Load(s.ID()); ok && l.reason == sio.ClientNamespaceDisconnect && l.next != sent {
			c.t.Errorf("%d events were handled of a client that had sent %d before it left", l.next, sent)
		}
		return true
	})
	open := 0
	c.conns.Range(func(_, v any) bool {
		if v.(*atomic.Int32).Load() != 1 {
			open++
		}
		return true
	})
	closed := 0
	c.adapters.Range(func(k, v any) bool {
		if n := k.(*atomic.Int32).Load(); n != 1 {
			c.t.Errorf("the adapter of %v was closed %d times", v, n)
		}
		closed++
		return true
	})
	var in, dropped uint64
	for _, server := range c.servers {
		st := server.Stats()
		in += st.EventsIn
		dropped += st.Unhandled
		if st.Pending != 0 || st.PendingBytes != 0 || st.PendingLate != 0 || st.PendingLateBytes != 0 || st.PendingStranded != 0 || st.HandlerPanics != 0 {
			c.t.Errorf("%+v", st)
		}
	}
	if open != 0 || c.opened.Load() != c.over.Load() {
		c.t.Errorf("%d connections were opened, %d closed, %d are open", c.opened.Load(), c.over.Load(), open)
	}
	if uint64(c.handled.Load())+dropped != in {
		c.t.Errorf("%d events came, %d were handled and %d dropped", in, c.handled.Load(), dropped)
	}
	for _, reason := range []sio.Reason{sio.ClientNamespaceDisconnect, sio.ServerNamespaceDisconnect, sio.TransportClose} {
		if reasons[reason] == 0 {
			c.t.Errorf("no socket ended with %q: %v", reason, reasons)
		}
	}
	if lives < *churned || c.refused.Load() == 0 || c.back.Load() == 0 || closed == 0 {
		c.t.Errorf("%d sockets, %d refused, %d recovered, %d adapters", lives, c.refused.Load(), c.back.Load(), closed)
	}
	c.t.Logf("%d sockets of %d connections (%d closed by the server), %d refused, %d recovered, %d adapters; %d events, %d of them dropped; %v",
		lives, c.opened.Load(), c.lost.Load(), c.refused.Load(), c.back.Load(), closed, in, dropped, reasons)
}
