package redisadapter_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/dice"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// node is a server that is connected to others by streams.
type node struct {
	*sio.Server
	streams *redisadapter.Streams
}

func startNode(t testing.TB, r *redistest.Server, recovery *sio.Recovery, cfg redisadapter.StreamsConfig) *node {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	streams, err := redisadapter.NewStreams(r.Client, cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := sio.New(sio.Config{Loops: 2, ConnectionStateRecovery: recovery, Adapter: streams.Adapter, Logger: cfg.Logger})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Close()
		streams.Close()
	})
	untilStreams(t, streams, func(st redisadapter.StreamsStats) bool { return st.Connected })
	return &node{srv, streams}
}

// traffic has emitters on the nodes send numbered events, each one with a pause
// between two, until stop is called, and then the last ones.
func traffic(t testing.TB, nodes []*node, emitters int, pause time.Duration) (stop func()) {
	end := make(chan struct{})
	var emitting sync.WaitGroup
	for e := range emitters {
		n := nodes[e%len(nodes)]
		emitting.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-end:
					if err := n.Emit("e", -1-e); err != nil {
						t.Error(err)
					}
					return
				case <-time.After(pause):
				}
				if err := n.Emit("e", i*emitters+e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	return func() {
		close(end)
		emitting.Wait()
	}
}

// roam connects to any node, loses the connection, and so on, and waits for the
// last events of the emitters in the end. It calls done when it is welcome for
// the last time: also as a new client, as which it gets nothing older.
func (c *client) roam(nodes []*node, cuts, emitters int, done func()) {
	d := dice.New(c.t)
	for life := range cuts + 1 {
		if err := c.connect(nodes[d.Int(len(nodes))].Addr().String()); err != nil {
			c.t.Errorf("life %d: %v", life, err)
			return
		}
		last := life == cuts
		for last && !c.welcome {
			if err := c.read(); err != nil {
				c.t.Errorf("not welcome in the last life: %v", err)
				return
			}
		}
		if last {
			done()
		}
		for patience := d.Int(30); last || c.offset == "" || patience > 0; patience-- {
			if err := c.read(); err != nil {
				c.t.Errorf("life %d: %v", life, err)
				return
			}
			if last && c.ended(emitters) {
				break
			}
		}
		c.conn.Close()
	}
}

func (c *client) ended(emitters int) bool {
	count := 0
	for _, e := range c.events[max(0, len(c.events)-3000):] {
		if e[1].(float64) < 0 {
			count++
		}
	}
	return count >= emitters
}

// complete checks that each emitter's events came once and in order.
func (c *client) complete(emitters int) {
	c.t.Helper()
	next := make(map[int]int)
	for _, event := range c.events {
		n := int(event[1].(float64))
		if n < 0 {
			continue
		}
		e := n % emitters
		if want, known := next[e]; known && n != want {
			c.t.Errorf("got %d of emitter %d, want %d", n/emitters, e, want/emitters)
			return
		}
		next[e] = n + emitters
	}
}

// atLeastOnce checks that nothing is missing between the first and the last
// event of each emitter.
func (c *client) atLeastOnce(emitters int) {
	c.t.Helper()
	seen := make(map[int]bool)
	first, last := make(map[int]int), make(map[int]int)
	for _, event := range c.events {
		n := int(event[1].(float64))
		if n < 0 {
			continue
		}
		e := n % emitters
		if f, known := first[e]; !known || n < f {
			first[e] = n
		}
		seen[n], last[e] = true, max(n, last[e])
	}
	for e := range emitters {
		for n := first[e]; n <= last[e]; n += emitters {
			if !seen[n] {
				c.t.Errorf("has lost %d of emitter %d", n/emitters, e)
				return
			}
		}
	}
}

// TestStreamsRoaming cuts clients at random under traffic through a real Redis,
// and lets them come back to any server.
func TestStreamsRoaming(t *testing.T) {
	for name, tc := range map[string]struct {
		recovery sio.Recovery
		disturb  func(r *redistest.Server)
		check    func(c *client, emitters int)
		mayLose  int // how often a client, although Redis is well
	}{
		"quiet": {sio.Recovery{RestoreTimeout: 10 * time.Second}, func(*redistest.Server) {}, (*client).complete, 0},
		// On a busy machine more is emitted while a history is read than is
		// kept.
		"few kept":     {sio.Recovery{MaxPackets: 200, RestoreTimeout: 10 * time.Second}, func(*redistest.Server) {}, (*client).complete, 4},
		"client kill":  {sio.Recovery{RestoreTimeout: 10 * time.Second}, func(r *redistest.Server) { r.CutClients() }, (*client).complete, 0},
		"short pauses": {sio.Recovery{RestoreTimeout: 10 * time.Second}, func(r *redistest.Server) { r.Pause(); time.Sleep(20 * time.Millisecond); r.Resume() }, (*client).complete, 0},
		"kill": {sio.Recovery{RestoreTimeout: 10 * time.Second}, func(r *redistest.Server) {
			r.Kill()
			r.Start()
		}, (*client).atLeastOnce, 0},
	} {
		t.Run(name, func(t *testing.T) {
			const clients, emitters, cuts = 4, 3, 25
			r := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
			// Packets wait for Redis as long as it takes: so all have their
			// order.
			cfg := redisadapter.StreamsConfig{BlockTime: 200 * time.Millisecond, MaxLen: 1_000_000, OrderTimeout: 20 * time.Second, SessionGrace: 5 * time.Second}
			nodes := []*node{startNode(t, r, &tc.recovery, cfg), startNode(t, r, &tc.recovery, cfg)}
			pause := time.Millisecond
			if tc.recovery.MaxPackets > 0 {
				// Clients read a few events in each life, so what they have
				// missed grows with what is emitted, and with it the time that
				// the next one takes.
				pause = 10 * time.Millisecond
			}
			stop := traffic(t, nodes, emitters, pause)
			var roaming, cutting sync.WaitGroup
			var disturbances atomic.Int64
			all := make([]*client, clients)
			for i := range all {
				c := &client{t: t, disturbances: &disturbances}
				all[i] = c
				cutting.Add(1)
				done := sync.OnceFunc(cutting.Done)
				roaming.Go(func() {
					defer done()
					c.roam(nodes, cuts, emitters, done)
				})
			}
			quiet := make(chan struct{})
			go func() {
				cutting.Wait()
				close(quiet)
			}()
			for range 4 {
				select {
				case <-quiet:
				case <-time.After(100 * time.Millisecond):
					// A session is lost with the answer of Redis that has it,
					// and while there are no answers.
					disturbances.Add(1)
					tc.disturb(r)
					for _, n := range nodes {
						until(t, n, func(s redisadapter.StreamsStats) bool { return s.Connected })
					}
					disturbances.Add(1)
				}
			}
			<-quiet
			stop()
			roaming.Wait()
			check := tc.check
			for _, n := range nodes {
				if n.Server.Stats().Recovery.Unordered > 0 {
					check = (*client).atLeastOnce // what was sent before its turn may be sent again
				}
			}
			for _, c := range all {
				check(c, emitters)
				if c.lost > tc.mayLose {
					t.Errorf("was not recovered %d times", c.lost)
				}
			}
			for i, n := range nodes {
				t.Logf("node %d: %+v %+v", i, n.streams.Stats(), n.Stats().Recovery)
			}
		})
	}
}

// TestStreamsWithoutRedis delivers to own clients while Redis is away, and
// sends others once what was meant for them.
func TestStreamsWithoutRedis(t *testing.T) {
	for name, tc := range map[string]struct{ away, back func(r *redistest.Server) }{
		"killed": {(*redistest.Server).Kill, (*redistest.Server).Start},
		"paused": {(*redistest.Server).Pause, (*redistest.Server).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			n := startNode(t, r, &sio.Recovery{}, redisadapter.StreamsConfig{BlockTime: 200 * time.Millisecond})
			c := &client{t: t}
			if err := c.connect(n.Addr().String()); err != nil {
				t.Fatal(err)
			}
			defer c.conn.Close()
			for c.sid == "" {
				if err := c.read(); err != nil {
					t.Fatal(err)
				}
			}
			tc.away(r)
			const events = 50
			for i := range events {
				if err := n.Emit("e", i); err != nil {
					t.Fatal(err)
				}
			}
			for len(c.events) < events {
				if err := c.read(); err != nil {
					t.Fatal(err)
				}
			}
			for i, e := range c.events {
				if fmt.Sprint(e) != fmt.Sprintf("[e %d]", i) {
					t.Fatalf("event %d is %v", i, e)
				}
			}
			if u := n.Server.Stats().Recovery.Unordered; u != events {
				t.Errorf("%d events are unordered, want %d", u, events)
			}
			until(t, n, func(st redisadapter.StreamsStats) bool { return st.Lost > 0 })
			if st := n.streams.Stats(); st.Queued != events || st.Connected {
				t.Errorf("%+v", st)
			}
			tc.back(r)
			until(t, n, func(st redisadapter.StreamsStats) bool { return st.Queued == 0 && st.Connected })
			if st := n.streams.Stats(); st.Published != events || st.Dropped != 0 {
				t.Errorf("%+v", st)
			}
			if l := r.Client.XLen(context.Background(), "socket.io").Val(); l != events {
				t.Errorf("the stream has %d entries, want %d", l, events)
			}
		})
	}
}

func until(t testing.TB, n *node, cond func(redisadapter.StreamsStats) bool) {
	t.Helper()
	untilStreams(t, n.streams, cond)
}

func untilStreams(t testing.TB, s *redisadapter.Streams, cond func(redisadapter.StreamsStats) bool) {
	t.Helper()
	wait.Until(t, "the figures of the streams", func() bool { return cond(s.Stats()) })
}

// TestStreamsClose sends what is queued before the end, if Redis takes it, and
// counts it otherwise.
func TestStreamsClose(t *testing.T) {
	for name, tc := range map[string]struct {
		away, closing   func(r *redistest.Server)
		entries, counts int
	}{
		"sent":    {(*redistest.Server).Pause, (*redistest.Server).Resume, 10, 0},
		"dropped": {(*redistest.Server).Kill, (*redistest.Server).Start, 0, 10},
	} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			streams, err := redisadapter.NewStreams(r.Client, redisadapter.StreamsConfig{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			a := streams.Adapter(nowhere{}).(adapter.Recoverer)
			untilStreams(t, streams, func(st redisadapter.StreamsStats) bool { return st.Connected })
			tc.away(r)
			for i := range 10 {
				if err := a.Broadcast(adapter.Packet{Event: "e", Args: []any{i}}, adapter.Options{}); err != nil {
					t.Fatal(err)
				}
			}
			a.Persist(adapter.Session{ID: "s", PID: "p"})
			closed := make(chan error)
			go func() { closed <- streams.Close() }()
			if tc.counts == 0 {
				tc.closing(r)
			}
			if err := <-closed; err != nil {
				t.Error(err)
			}
			if tc.counts > 0 {
				tc.closing(r)
			}
			if n := r.Client.XLen(t.Context(), "socket.io").Val(); n != int64(tc.entries) {
				t.Errorf("the stream has %d entries, want %d", n, tc.entries)
			}
			if n := r.Client.Exists(t.Context(), "sio:session:p").Val(); n != int64(tc.entries/10) {
				t.Errorf("there are %d sessions, want %d", n, tc.entries/10)
			}
			a.Persist(adapter.Session{ID: "s", PID: "p"})
			if err := a.Broadcast(adapter.Packet{Event: "late"}, adapter.Options{}); err != nil {
				t.Error(err)
			}
			if st := streams.Stats(); st.Dropped != uint64(tc.counts)+1 || st.SessionsDropped != uint64(tc.counts/10)+1 || st.Queued != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// nowhere is a namespace without sockets.
type nowhere struct{ adapter.Local }

func (nowhere) Namespace() string                               { return "/" }
func (nowhere) Broadcast(adapter.Packet, adapter.Options) error { return nil }
