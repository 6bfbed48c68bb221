package redisadapter_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
	"github.com/sioserver/sioserver/sio/emitter"
)

func newStreamsSender(t testing.TB, r *redistest.Server, cfg redisadapter.StreamsConfig) *redisadapter.StreamsSender {
	t.Helper()
	out, err := redisadapter.NewStreamsSender(r.Client, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return out
}

// TestStreamsSenderWire compares entries with what
// @socket.io/redis-streams-emitter adds.
func TestStreamsSenderWire(t *testing.T) {
	r := redistest.Start(t)
	ctx := t.Context()
	for name, tc := range map[string]struct {
		cfg  redisadapter.StreamsConfig
		call func(e *emitter.Emitter) error
		key  string
		want map[string]any
	}{
		"broadcast": {
			call: func(e *emitter.Emitter) error {
				return e.To("r1").Except("r2").Volatile().Compress(false).Emit(ctx, "hello", 1, "x")
			},
			key: "socket.io",
			want: map[string]any{"uid": "emitter", "nsp": "/", "type": "3",
				"data": `{"packet":{"type":2,"data":["hello",1,"x"],"nsp":"/"},"opts":{"rooms":["r1"],"except":["r2"],"flags":{"volatile":true,"compress":false}}}`},
		},
		"binary": {
			call: func(e *emitter.Emitter) error { return e.Of("chat").Emit(ctx, "b", []byte{1, 2}) },
			key:  "socket.io",
			want: map[string]any{"uid": "emitter", "nsp": "/chat", "type": "3",
				"data": "gqZwYWNrZXSDpHR5cGUCpGRhdGGSoWLEAgECo25zcKUvY2hhdKRvcHRzg6Vyb29tc5CmZXhjZXB0kKVmbGFnc4A="},
		},
		"binary as text": {
			cfg:  redisadapter.StreamsConfig{OnlyPlaintext: true},
			call: func(e *emitter.Emitter) error { return e.Emit(ctx, "b", []byte{1, 2}) },
			key:  "socket.io",
			want: map[string]any{"uid": "emitter", "nsp": "/", "type": "3",
				"data": `{"packet":{"type":2,"data":["b","AQI="],"nsp":"/"},"opts":{"rooms":[],"except":[],"flags":{}}}`},
		},
		"join": {
			cfg:  redisadapter.StreamsConfig{StreamName: "s", StreamCount: 4},
			call: func(e *emitter.Emitter) error { return e.To("r").SocketsJoin(ctx, "a", "b") },
			key:  "s-3",
			want: map[string]any{"uid": "emitter", "nsp": "/", "type": "4", "data": `{"opts":{"rooms":["r"],"except":[],"flags":{}},"rooms":["a","b"]}`},
		},
		"leave": {
			call: func(e *emitter.Emitter) error { return e.Except("r").SocketsLeave(ctx, "a") },
			key:  "socket.io",
			want: map[string]any{"uid": "emitter", "nsp": "/", "type": "5", "data": `{"opts":{"rooms":[],"except":["r"],"flags":{}},"rooms":["a"]}`},
		},
		"disconnect": {
			call: func(e *emitter.Emitter) error { return e.DisconnectSockets(ctx, true) },
			key:  "socket.io",
			want: map[string]any{"uid": "emitter", "nsp": "/", "type": "6", "data": `{"opts":{"rooms":[],"except":[],"flags":{}},"close":true}`},
		},
		"server side": {
			call: func(e *emitter.Emitter) error { return e.Of("/admin").ServerSideEmit(ctx, "reload", 1) },
			key:  "socket.io",
			want: map[string]any{"uid": "emitter", "nsp": "/admin", "type": "9", "data": `{"packet":["reload",1]}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r.Client.FlushAll(ctx)
			if err := tc.call(emitter.New(newStreamsSender(t, r, tc.cfg))); err != nil {
				t.Fatal(err)
			}
			list, err := r.Client.XRange(ctx, tc.key, "-", "+").Result()
			if err != nil || len(list) != 1 || !maps.Equal(list[0].Values, tc.want) {
				t.Errorf("the stream is %v, %v, want %v", list, err, tc.want)
			}
		})
	}
}

func TestStreamsSenderErrors(t *testing.T) {
	if _, err := redisadapter.NewStreamsSender(nil, redisadapter.StreamsConfig{MaxLen: -1}); err == nil {
		t.Error("took a negative MaxLen")
	}
	r := redistest.Start(t)
	out := newStreamsSender(t, r, redisadapter.StreamsConfig{})
	e := emitter.New(out)
	if err := e.Emit(t.Context(), "e", func() {}); !errors.Is(err, cluster.ErrUnencodable) {
		t.Errorf("a function as an argument: %v", err)
	}
	if err := e.Emit(t.Context(), "e"); err != nil {
		t.Fatal(err)
	}
	r.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	if err := e.Emit(ctx, "e"); !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Redis is paused: %v", err)
	}
	cancel()
	r.Resume()
	r.Kill()
	if err := e.Emit(t.Context(), "e"); err == nil {
		t.Error("Redis is away, but took an event")
	}
	r.Start()
	if err := e.Emit(t.Context(), "e"); err != nil {
		t.Errorf("Redis is back: %v", err)
	}
	out.Close()
	if err := e.Emit(t.Context(), "e"); err == nil {
		t.Error("the sender is closed, but took an event")
	}
}

// TestStreamsEmitter reaches the clients of two servers, also one that was
// away.
func TestStreamsEmitter(t *testing.T) {
	r := redistest.Start(t)
	nodes := []*node{startNode(t, r, &sio.Recovery{}, redisadapter.StreamsConfig{}), startNode(t, r, &sio.Recovery{}, redisadapter.StreamsConfig{})}
	for _, n := range nodes {
		n.OnConnection(func(s *sio.Socket) { s.Join("all") })
	}
	e := emitter.New(newStreamsSender(t, r, redisadapter.StreamsConfig{}))
	var clients [2]*client
	for i := range clients {
		c := &client{t: t}
		clients[i] = c
		if err := c.connect(nodes[i].Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer func() { c.conn.Close() }()
		for c.sid == "" {
			if err := c.read(); err != nil {
				t.Fatal(err)
			}
		}
	}
	emit := func(o emitter.BroadcastOperator, n int) {
		t.Helper()
		if err := o.Emit(t.Context(), "e", n); err != nil {
			t.Fatal(err)
		}
	}
	has := func(c *client, n int) {
		t.Helper()
		for len(c.events) == 0 {
			if err := c.read(); err != nil {
				t.Fatalf("waiting for %d: %v", n, err)
			}
		}
		if got := c.events[0]; got[1] != float64(n) || len(got) != 3 {
			t.Fatalf("got %v, want %d with an offset", got, n)
		}
		c.events = c.events[1:]
	}
	emit(e.To("all"), 1)
	has(clients[0], 1)
	has(clients[1], 1)
	if err := e.To(clients[1].sid).SocketsJoin(t.Context(), "second"); err != nil {
		t.Fatal(err)
	}
	emit(e.To("second"), 2)
	emit(e.Except("second"), 3)
	has(clients[1], 2)
	has(clients[0], 3)
	clients[1].conn.Close()
	emit(e.To("second"), 4)
	if err := clients[1].connect(nodes[0].Addr().String()); err != nil {
		t.Fatal(err)
	}
	has(clients[1], 4)
	if clients[1].lost != 0 {
		t.Error("was not recovered")
	}
}

// A program that is no server sends to the clients in a room, and to the
// servers.
func ExampleNewStreamsSender() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
	defer client.Close()
	out, err := redisadapter.NewStreamsSender(client, redisadapter.StreamsConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer out.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	e := emitter.New(out)
	if err := e.Of("/admin").To("lobby").Except("muted").Emit(ctx, "news", "hello", []byte{1, 2, 3}); err != nil {
		fmt.Println("nobody may have got the news:", err)
	}
	if err := e.ServerSideEmit(ctx, "reload"); err != nil {
		fmt.Println("servers may not reload:", err)
	}
}

// message is an emitter's, with a text of a size.
func message(size int) *cluster.Message {
	return &cluster.Message{
		Type: cluster.Broadcast, UID: cluster.EmitterUID, Namespace: "/", Packet: event(0, size),
	}
}
