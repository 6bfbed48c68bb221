package redisadapter_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
	"github.com/sioserver/sioserver/sio/emitter"
)

// limit is the time that the calls of these tests are given.
const limit = 300 * time.Millisecond

// connect makes one of the package's adapters, with limit for requests.
func connect(t testing.TB, name string, client redis.UniversalClient) (of func(adapter.Local) adapter.Adapter) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	node := cluster.Config{RequestTimeout: limit, AckTimeout: limit}
	var end func() error
	var err error
	switch name {
	case "pubsub":
		var a *redisadapter.PubSub
		a, err = redisadapter.NewPubSub(client, redisadapter.PubSubConfig{Node: node, Logger: log})
		of, end = a.Adapter, a.Close
	case "sharded":
		var a *redisadapter.Sharded
		a, err = redisadapter.NewSharded(client, redisadapter.ShardedConfig{Node: node, Logger: log})
		of, end = a.Adapter, a.Close
	default:
		var a *redisadapter.Streams
		a, err = redisadapter.NewStreams(client, redisadapter.StreamsConfig{Node: node, Logger: log})
		of, end = a.Adapter, a.Close
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = end() })
	return of
}

// far is a client by a line that can be paused.
func far(t testing.TB, r *redistest.Server) (*redistest.Link, *redis.Client) {
	t.Helper()
	link, err := redistest.NewLink(r.Addr, 0)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: link.Addr})
	t.Cleanup(func() {
		client.Close()
		link.Close()
	})
	return link, client
}

// timedOut checks what every time-out is, and that Redis is named if it is why.
// noticed says that the connection may have been given up in the meantime: then
// a call fails at once instead.
func timedOut(t *testing.T, call string, err error, away, noticed bool) {
	t.Helper()
	if noticed && errors.Is(err, redisadapter.ErrAway) && !errors.Is(err, sio.ErrTimeout) {
		return
	}
	if !errors.Is(err, sio.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, cluster.ErrTimeout) {
		t.Errorf("%s: %v is no time-out", call, err)
	}
	if errors.Is(err, redisadapter.ErrAway) != away {
		t.Errorf("%s: %v says otherwise whether Redis is away", call, err)
	}
}

// TestErrors makes every call that waits, by every adapter and with every kind
// of time limit, while Redis does not answer or another server does not.
func TestErrors(t *testing.T) {
	for name := range ways {
		for _, away := range []bool{false, true} {
			t.Run(fmt.Sprint(name, map[bool]string{true: ", silent Redis", false: ", silent server"}[away]), func(t *testing.T) {
				t.Parallel()
				r := redistest.Start(t)
				lines := make([]*redistest.Link, 2)
				servers := make([]*sio.Server, 2)
				for i := range servers {
					var client *redis.Client
					lines[i], client = far(t, r)
					srv, err := sio.New(sio.Config{Adapter: connect(t, name, client), Logger: slog.New(slog.DiscardHandler)})
					if err != nil {
						t.Fatal(err)
					}
					if err := srv.Listen("127.0.0.1:0"); err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { srv.Close() })
					servers[i] = srv
					dial(t, srv.Addr().String()) // does not acknowledge
				}
				srv, own := servers[0], servers[0].Sockets()[0]
				var remote sio.RemoteSocket
				wait.Until(t, "the other server's socket is seen", func() bool {
					list, err := srv.FetchSockets(t.Context())
					for _, s := range list {
						if s.ID() != own.ID() {
							remote = s
						}
					}
					return err == nil && len(list) == 2
				})
				line := lines[1]
				if away {
					line = lines[0]
				}
				line.Pause(time.Hour)
				checkErrors(t, srv, own, remote, away)
			})
		}
	}
}

// checkErrors makes the calls.
func checkErrors(t *testing.T, srv *sio.Server, own *sio.Socket, remote sio.RemoteSocket, away bool) {
	never := errors.New("the deadline's own cause")
	for limited, to := range map[string]struct {
		ctx func() (context.Context, context.CancelFunc)
		o   sio.BroadcastOperator
	}{
		"Config":  {func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) }, srv.To()},
		"Timeout": {func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) }, srv.To().Timeout(limit)},
		"context": {func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), limit) }, srv.To()},
		"cause": {func() (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(t.Context(), limit, never)
		}, srv.To()},
	} {
		servers := func(call string, err error) {
			t.Helper()
			timedOut(t, call+" by "+limited, err, away, away)
			var partial *sio.ServersError
			asked := 1
			if away {
				asked = 0 // it is not known how many there are
			}
			if !errors.As(err, &partial) || partial.Answered != 0 || partial.Asked != asked {
				t.Errorf("%s by %s: %v", call, limited, err)
			}
			if limited == "cause" && errors.Is(err, sio.ErrTimeout) && !errors.Is(err, never) {
				t.Errorf("%s: %v has lost the cause", call, err)
			}
		}
		acks := func(call string, err error, atLeast int) {
			t.Helper()
			timedOut(t, call+" by "+limited, err, away, away)
			var partial *sio.AckError
			if !errors.As(err, &partial) || partial.Missing < atLeast || len(partial.Responses) != 0 {
				t.Errorf("%s by %s: %v", call, limited, err)
			}
		}
		call := func(f func(ctx context.Context)) {
			ctx, cancel := to.ctx()
			defer cancel()
			f(ctx)
		}
		call(func(ctx context.Context) {
			list, err := to.o.FetchSockets(ctx)
			if servers("FetchSockets", err); len(list) != 1 {
				t.Errorf("%d sockets", len(list))
			}
		})
		call(func(ctx context.Context) {
			_, err := to.o.AllSockets(ctx)
			servers("AllSockets", err)
		})
		call(func(ctx context.Context) {
			n, err := to.o.CountSockets(ctx)
			if servers("CountSockets", err); n != 1 {
				t.Errorf("%d sockets", n)
			}
		})
		if limited != "Config" { // own clients are awaited as long as the caller says
			call(func(ctx context.Context) {
				_, err := to.o.EmitAck(ctx, "q")
				acks("EmitAck of all", err, 2)
			})
		}
		call(func(ctx context.Context) {
			_, err := to.o.To(remote.ID()).EmitAck(ctx, "q")
			acks("EmitAck of the other server's", err, 1)
		})
		if limited != "Timeout" {
			call(func(ctx context.Context) {
				_, err := srv.ServerSideEmitAck(ctx, "q")
				acks("ServerSideEmitAck", err, 1)
			})
			call(func(ctx context.Context) {
				_, err := remote.EmitAck(ctx, "q")
				timedOut(t, "EmitAck of a remote socket by "+limited, err, away, away)
			})
		}
		if limited != "Config" {
			call(func(ctx context.Context) {
				e := own.Compress(true)
				if limited == "Timeout" {
					e = e.Timeout(limit)
				}
				_, err := e.EmitAck(ctx, "q")
				timedOut(t, "EmitAck of a socket by "+limited, err, false, false)
			})
		}
	}
}

// TestSilentRedis has Redis not answer an emitter and the list of nodes.
func TestSilentRedis(t *testing.T) {
	r := redistest.Start(t)
	link, client := far(t, r)
	senders := make(map[string]emitter.Sender)
	pubsub, err := redisadapter.NewPubSubSender(client, redisadapter.PubSubConfig{})
	sharded, err2 := redisadapter.NewShardedSender(client, redisadapter.ShardedConfig{})
	streams, err3 := redisadapter.NewStreamsSender(client, redisadapter.StreamsConfig{})
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	senders["pubsub"], senders["sharded"], senders["streams"] = pubsub, sharded, streams
	d, err := redisadapter.NewDirectory(client, redisadapter.DirectoryConfig{Addr: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range senders {
		if err := emitter.New(s).Emit(t.Context(), "e"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	link.Pause(time.Hour)
	for name, s := range senders {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		timedOut(t, name, emitter.New(s).Emit(ctx, "e"), true, false)
		cancel()
	}
	timedOut(t, "the list of nodes", d.Close(), true, false)
	r.Kill()
	link.Cut()
	for name, s := range senders {
		if err := emitter.New(s).Emit(t.Context(), "e"); !errors.Is(err, redisadapter.ErrAway) || errors.Is(err, sio.ErrTimeout) {
			t.Errorf("%s without Redis: %v", name, err)
		}
	}
	for name, end := range map[string]func() error{"pubsub": pubsub.Close, "sharded": sharded.Close, "streams": streams.Close} {
		if err := end(); err != nil {
			t.Error(err)
		}
		if err := emitter.New(senders[name]).Emit(t.Context(), "e"); !errors.Is(err, redisadapter.ErrClosed) {
			t.Errorf("%s, closed: %v", name, err)
		}
	}
}
