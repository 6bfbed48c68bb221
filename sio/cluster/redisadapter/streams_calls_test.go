package redisadapter_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// dial connects a client.
func dial(t testing.TB, addr string) *client {
	t.Helper()
	c := &client{t: t}
	if err := c.connect(addr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.conn.Close() })
	for c.sid == "" {
		if err := c.read(); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// serve has the client acknowledge what comes, until it is disconnected.
func (c *client) serve() (done <-chan struct{}) {
	end := make(chan struct{})
	go func() {
		defer close(end)
		for c.read() == nil {
		}
		c.conn.Close()
	}()
	return end
}

// TestStreamsCalls makes each call that concerns other servers between two of
// them.
func TestStreamsCalls(t *testing.T) {
	for name, cfg := range map[string]redisadapter.StreamsConfig{"channels": {}, "sharded channels": {UseShardedPubSub: true}} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			nodes := []*node{startNode(t, r, nil, cfg), startNode(t, r, nil, cfg)}
			ctx := t.Context()
			var ids []string
			var served []<-chan struct{}
			for _, n := range nodes {
				n.OnConnection(func(s *sio.Socket) {
					s.SetData(map[string]int{"n": 1})
					s.Join("r")
				})
				c := dial(t, n.Addr().String())
				ids = append(ids, c.sid)
				served = append(served, c.serve())
			}
			slices.Sort(ids)

			// Both servers know each other once each counts two.
			for _, n := range nodes {
				wait.Until(t, "there are two sockets", func() bool {
					count, err := n.To("r").CountSockets(ctx)
					return err == nil && count == 2
				})
			}
			list, err := nodes[0].To("r").FetchSockets(ctx)
			var got []string
			for _, s := range list {
				got = append(got, s.ID())
			}
			if slices.Sort(got); err != nil || !slices.Equal(got, ids) {
				t.Errorf("fetched %v, %v, want %v", got, err, ids)
			}

			answers, err := sio.EmitAckAll[string](ctx, nodes[1].To("r").Timeout(10*time.Second), "question", 1)
			if slices.Sort(answers); err != nil || !slices.Equal(answers, ids) {
				t.Errorf("answers %v, %v, want %v", answers, err, ids)
			}

			said := make(chan string, 1)
			nodes[1].OnServerEvent("say", func(e *sio.ServerEvent) {
				var text string
				if err := e.Bind(&text); err != nil {
					t.Error(err)
				}
				said <- text
				if e.WantsAck() {
					if err := e.Ack("heard"); err != nil {
						t.Error(err)
					}
				}
			})
			if err := nodes[0].ServerSideEmit("say", "hello"); err != nil {
				t.Fatal(err)
			}
			wants(t, said, "hello")
			replies, err := nodes[0].ServerSideEmitAck(ctx, "say", "again")
			wants(t, said, "again")
			var reply string
			if err == nil && len(replies) == 1 {
				err = replies[0].Bind(&reply)
			}
			if err != nil || reply != "heard" {
				t.Errorf("%v, %v", replies, err)
			}

			if err := nodes[0].To("r").SocketsJoin("x"); err != nil {
				t.Fatal(err)
			}
			wait.Until(t, "both are in the room", func() bool {
				count, err := nodes[1].To("x").CountSockets(ctx)
				return err == nil && count == 2
			})
			if err := nodes[1].SocketsLeave("x"); err != nil {
				t.Fatal(err)
			}
			wait.Until(t, "nobody is in the room", func() bool {
				count, err := nodes[1].To("x").CountSockets(ctx)
				return err == nil && count == 0
			})
			if err := nodes[0].DisconnectSockets(true); err != nil {
				t.Fatal(err)
			}
			for _, done := range served {
				<-done
			}
			for i, n := range nodes {
				if st := n.streams.Stats(); st.Invalid+st.Dropped+st.Channels.Invalid+st.Channels.Lost != 0 || st.Channels.Published == 0 {
					t.Errorf("node %d: %+v", i, st)
				}
			}
		})
	}
}

// TestStreamsRequestsWithoutRedis makes requests while Redis is away: they
// fail, in time, broadcasts don't, and everything works again when it is back.
func TestStreamsRequestsWithoutRedis(t *testing.T) {
	for name, tc := range map[string]struct{ away, back func(r *redistest.Server) }{
		"killed": {(*redistest.Server).Kill, (*redistest.Server).Start},
		"paused": {(*redistest.Server).Pause, (*redistest.Server).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			l := one{called: make(chan string, 10)}
			s := newStreams(t, r, redisadapter.StreamsConfig{BlockTime: 200 * time.Millisecond})
			a := join(t, s, l, 1)
			b := join(t, newStreams(t, r, redisadapter.StreamsConfig{BlockTime: 200 * time.Millisecond}), one{called: make(chan string, 10)}, 2)
			tc.away(r)
			untilStreams(t, s, func(st redisadapter.StreamsStats) bool { return !st.Connected })
			ask := func(call func(ctx context.Context) error) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				if err := call(ctx); err == nil {
					t.Error("there is no error")
				}
			}
			ask(func(ctx context.Context) error { _, err := a.FetchSockets(ctx, adapter.Options{}); return err })
			ask(func(ctx context.Context) error { _, err := a.CountSockets(ctx, adapter.Options{}); return err })
			ask(func(ctx context.Context) error { _, err := a.ServerCount(ctx); return err })
			ask(func(ctx context.Context) error {
				_, err := a.ServerSideEmitAck(ctx, adapter.Packet{Event: "e"})
				return err
			})
			if err := a.Broadcast(adapter.Packet{Event: "e"}, adapter.Options{}); err != nil {
				t.Error(err)
			}
			wants(t, l.called, "e []")
			told := acks{make(chan string, 100)}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			if err := a.BroadcastAck(ctx, adapter.Packet{Event: "q"}, adapter.Options{}, told); err != nil {
				t.Error(err)
			}
			cancel()
			wants(t, l.called, "q? []") // the own clients are asked, and the answer counts
			for answer := ""; answer != `answer "yes"`; {
				answer = wait.For(t, "the own client's answer", told.told)
			}
			tc.back(r)
			untilStreams(t, s, func(st redisadapter.StreamsStats) bool { return st.Connected && st.Queued == 0 })
			wait.Until(t, "requests are answered", func() bool {
				list, err := a.FetchSockets(t.Context(), adapter.Options{})
				return err == nil && len(list) == 1
			})
			wait.Until(t, "both count", func() bool {
				n, err := b.ServerCount(t.Context())
				return err == nil && n == 2
			})
		})
	}
}
