package redisadapter_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
	"github.com/sioserver/sioserver/sio/emitter"
)

func closing(t testing.TB, s *redisadapter.ChannelSender, err error) *redisadapter.ChannelSender {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// published is what a sender is to publish.
type published struct{ channel, payload string }

func (want published) check(t *testing.T, c <-chan *redis.Message) {
	t.Helper()
	m := wait.For(t, fmt.Sprintf("%q", want), c)
	if got := (published{m.Channel, m.Payload}); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestPubSubSenderWire compares what is published with what
// @socket.io/redis-emitter publishes.
func TestPubSubSenderWire(t *testing.T) {
	r := redistest.Start(t)
	ctx := t.Context()
	all := r.Client.PSubscribe(ctx, "*")
	defer all.Close()
	if _, err := all.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		key  string
		call func(e *emitter.Emitter) error
		want published
	}{
		"everybody": {
			call: func(e *emitter.Emitter) error { return e.Emit(ctx, "hello", 1, []byte{2}) },
			want: published{"socket.io#/#", "\x93\xa7emitter\x83\xa4type\x02\xa4data\x93\xa5hello\x01\xc4\x01\x02\xa3nsp\xa1/\x83\xa5rooms\x90\xa6except\x90\xa5flags\x80"},
		},
		"one room": {
			key: "k",
			call: func(e *emitter.Emitter) error {
				return e.Of("chat").To("r1").Except("x").Volatile().Compress(false).Emit(ctx, "e")
			},
			want: published{"k#/chat#r1#", "\x93\xa7emitter\x83\xa4type\x02\xa4data\x91\xa1e\xa3nsp\xa5/chat\x83\xa5rooms\x91\xa2r1\xa6except\x91\xa1x\xa5flags\x82\xa8volatile\xc3\xa8compress\xc2"},
		},
		"two rooms": {
			call: func(e *emitter.Emitter) error { return e.To("a", "b").Emit(ctx, "e") },
			want: published{"socket.io#/#", "\x93\xa7emitter\x83\xa4type\x02\xa4data\x91\xa1e\xa3nsp\xa1/\x83\xa5rooms\x92\xa1a\xa1b\xa6except\x90\xa5flags\x80"},
		},
		"join": {
			call: func(e *emitter.Emitter) error { return e.To("r").SocketsJoin(ctx, "a", "b") },
			want: published{"socket.io-request#/#", `{"type":2,"opts":{"rooms":["r"],"except":[],"flags":{}},"rooms":["a","b"]}`},
		},
		"leave": {
			call: func(e *emitter.Emitter) error { return e.Except("r").SocketsLeave(ctx, "a") },
			want: published{"socket.io-request#/#", `{"type":3,"opts":{"rooms":[],"except":["r"],"flags":{}},"rooms":["a"]}`},
		},
		"disconnect": {
			call: func(e *emitter.Emitter) error { return e.DisconnectSockets(ctx, true) },
			want: published{"socket.io-request#/#", `{"type":4,"opts":{"rooms":[],"except":[],"flags":{}},"close":true}`},
		},
		"server side": {
			call: func(e *emitter.Emitter) error { return e.Of("/admin").ServerSideEmit(ctx, "reload", 1) },
			want: published{"socket.io-request#/admin#", `{"uid":"emitter","type":6,"data":["reload",1]}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := redisadapter.NewPubSubSender(r.Client, redisadapter.PubSubConfig{Key: tc.key})
			if err := tc.call(emitter.New(closing(t, out, err))); err != nil {
				t.Fatal(err)
			}
			tc.want.check(t, all.Channel())
		})
	}
}

// TestShardedSenderWire compares what is published by SPUBLISH with the
// reference's messages.
func TestShardedSenderWire(t *testing.T) {
	r := redistest.Start(t)
	ctx := t.Context()
	const id = "abcdefghijklmnopqrst" // as long as a socket's
	all := r.Client.SSubscribe(ctx, "socket.io#/#", "socket.io#/#r1#", "socket.io#/#"+id+"#", "p#/chat#")
	defer all.Close()
	for range 4 {
		if _, err := all.Receive(ctx); err != nil {
			t.Fatal(err)
		}
	}
	broadcast := func(data, rooms string) string {
		return `{"uid":"emitter","nsp":"/","type":3,"data":{"packet":{"type":2,"data":` + data + `,"nsp":"/"},"opts":{"rooms":` + rooms + `,"except":[],"flags":{}}}}`
	}
	for name, tc := range map[string]struct {
		cfg  redisadapter.ShardedConfig
		call func(e *emitter.Emitter) error
		want published
	}{
		"everybody": {
			call: func(e *emitter.Emitter) error { return e.Emit(ctx, "hello", 1) },
			want: published{"socket.io#/#", broadcast(`["hello",1]`, "[]")},
		},
		"one room": {
			call: func(e *emitter.Emitter) error { return e.To("r1").Emit(ctx, "e") },
			want: published{"socket.io#/#r1#", broadcast(`["e"]`, `["r1"]`)},
		},
		"one socket": {
			call: func(e *emitter.Emitter) error { return e.To(id).Emit(ctx, "e") },
			want: published{"socket.io#/#", broadcast(`["e"]`, `["`+id+`"]`)},
		},
		"one socket, private": {
			cfg:  redisadapter.ShardedConfig{SubscriptionMode: redisadapter.ModeDynamicPrivate},
			call: func(e *emitter.Emitter) error { return e.To(id).Emit(ctx, "e") },
			want: published{"socket.io#/#" + id + "#", broadcast(`["e"]`, `["`+id+`"]`)},
		},
		"one room, static": {
			cfg:  redisadapter.ShardedConfig{SubscriptionMode: redisadapter.ModeStatic},
			call: func(e *emitter.Emitter) error { return e.To("r1").Emit(ctx, "e") },
			want: published{"socket.io#/#", broadcast(`["e"]`, `["r1"]`)},
		},
		"binary": {
			cfg:  redisadapter.ShardedConfig{ChannelPrefix: "p"},
			call: func(e *emitter.Emitter) error { return e.Of("chat").Emit(ctx, "b", []byte{1}) },
			want: published{"p#/chat#", "\x84\xa3uid\xa7emitter\xa3nsp\xa5/chat\xa4type\x03\xa4data\x82\xa6packet\x83\xa4type\x02\xa4data\x92\xa1b\xc4\x01\x01\xa3nsp\xa5/chat\xa4opts\x83\xa5rooms\x90\xa6except\x90\xa5flags\x80"},
		},
		"join": {
			call: func(e *emitter.Emitter) error { return e.To("r1").SocketsJoin(ctx, "a") },
			want: published{"socket.io#/#", `{"uid":"emitter","nsp":"/","type":4,"data":{"opts":{"rooms":["r1"],"except":[],"flags":{}},"rooms":["a"]}}`},
		},
		"server side": {
			call: func(e *emitter.Emitter) error { return e.ServerSideEmit(ctx, "reload") },
			want: published{"socket.io#/#", `{"uid":"emitter","nsp":"/","type":9,"data":{"packet":["reload"]}}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := redisadapter.NewShardedSender(r.Client, tc.cfg)
			if err := tc.call(emitter.New(closing(t, out, err))); err != nil {
				t.Fatal(err)
			}
			tc.want.check(t, all.Channel())
		})
	}
}

func TestChannelSenderErrors(t *testing.T) {
	if _, err := redisadapter.NewPubSubSender(nil, redisadapter.PubSubConfig{MaxQueued: -1}); err == nil {
		t.Error("took a negative MaxQueued")
	}
	if _, err := redisadapter.NewShardedSender(nil, redisadapter.ShardedConfig{SubscriptionMode: "x"}); err == nil {
		t.Error("took a mode that does not exist")
	}
	r := redistest.Start(t)
	pubsub, err := redisadapter.NewPubSubSender(r.Client, redisadapter.PubSubConfig{})
	pubsub = closing(t, pubsub, err)
	sharded, err := redisadapter.NewShardedSender(r.Client, redisadapter.ShardedConfig{})
	sharded = closing(t, sharded, err)
	for name, out := range map[string]*redisadapter.ChannelSender{"pub/sub": pubsub, "sharded": sharded} {
		e := emitter.New(out)
		if err := e.Emit(t.Context(), "e", func() {}); !errors.Is(err, cluster.ErrUnencodable) {
			t.Errorf("%s: a function as an argument: %v", name, err)
		}
		r.Kill()
		if err := e.Emit(t.Context(), "e"); err == nil {
			t.Errorf("%s: Redis is away, but took an event", name)
		}
		r.Start()
		if err := e.Emit(t.Context(), "e"); err != nil {
			t.Errorf("%s: Redis is back: %v", name, err)
		}
	}
}

// TestChannelEmitters reaches the clients of two servers, and the servers.
func TestChannelEmitters(t *testing.T) {
	for name, tc := range map[string]struct {
		server func(c redis.UniversalClient) (adapterSource, error)
		sender func(c redis.UniversalClient) (*redisadapter.ChannelSender, error)
	}{
		"pub/sub": {
			func(c redis.UniversalClient) (adapterSource, error) {
				return redisadapter.NewPubSub(c, redisadapter.PubSubConfig{})
			},
			func(c redis.UniversalClient) (*redisadapter.ChannelSender, error) {
				return redisadapter.NewPubSubSender(c, redisadapter.PubSubConfig{})
			},
		},
		"sharded": {
			func(c redis.UniversalClient) (adapterSource, error) {
				return redisadapter.NewSharded(c, redisadapter.ShardedConfig{})
			},
			func(c redis.UniversalClient) (*redisadapter.ChannelSender, error) {
				return redisadapter.NewShardedSender(c, redisadapter.ShardedConfig{})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			out, err := tc.sender(r.Client)
			e := emitter.New(closing(t, out, err))
			said := make(chan string, 2)
			var clients []*client
			for range 2 {
				source, err := tc.server(r.Client)
				if err != nil {
					t.Fatal(err)
				}
				srv := serveWith(t, source)
				srv.OnConnection(func(s *sio.Socket) { s.Join("all") })
				srv.OnServerEvent("say", func(e *sio.ServerEvent) {
					var text string
					if err := e.Bind(&text); err != nil {
						t.Error(err)
					}
					said <- text
				})
				clients = append(clients, dial(t, srv.Addr().String()))
				wait.Until(t, "it is connected", func() bool { return source.Stats().Connected })
			}
			for n, to := range []emitter.BroadcastOperator{e.To("all"), e.To(clients[0].sid, clients[1].sid), e.Except("nobody")} {
				if err := to.Emit(t.Context(), "e", n); err != nil {
					t.Fatal(err)
				}
				for i, c := range clients {
					for len(c.events) <= n {
						if err := c.read(); err != nil {
							t.Fatalf("client %d waits for %d: %v", i, n, err)
						}
					}
					if c.events[n][1] != float64(n) {
						t.Fatalf("client %d got %v, want %d", i, c.events[n], n)
					}
				}
			}
			if err := e.ServerSideEmit(t.Context(), "say", "hello"); err != nil {
				t.Fatal(err)
			}
			wants(t, said, "hello", "hello")
			if err := e.To(clients[1].sid).DisconnectSockets(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			for clients[1].read() == nil {
			}
			if err := e.Emit(t.Context(), "e", 3); err != nil {
				t.Fatal(err)
			}
			for len(clients[0].events) <= 3 {
				if err := clients[0].read(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// adapterSource is what PubSub and Sharded have in common.
type adapterSource interface {
	Adapter(adapter.Local) adapter.Adapter
	Stats() redisadapter.Stats
	Close() error
}

func serveWith(t testing.TB, source adapterSource) *sio.Server {
	t.Helper()
	srv, err := sio.New(sio.Config{Loops: 1, Adapter: source.Adapter, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Close()
		source.Close()
	})
	return srv
}
