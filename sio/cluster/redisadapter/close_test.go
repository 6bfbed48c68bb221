package redisadapter_test

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
	"github.com/sioserver/sioserver/sio/emitter"
)

// closer is a kind of adapter.
type closer interface {
	Adapter(adapter.Local) adapter.Adapter
	Close() error
}

// TestCloseInAnyOrder closes adapters before the servers that use them, twice,
// and has such a server make a namespace.
func TestCloseInAnyOrder(t *testing.T) {
	r := redistest.Start(t)
	quiet := slog.New(slog.DiscardHandler)
	for kind, open := range map[string]func() (closer, error){
		"pubsub": func() (closer, error) {
			return redisadapter.NewPubSub(r.Client, redisadapter.PubSubConfig{Logger: quiet})
		},
		"sharded": func() (closer, error) {
			return redisadapter.NewSharded(r.Client, redisadapter.ShardedConfig{Logger: quiet})
		},
		"streams": func() (closer, error) {
			return redisadapter.NewStreams(r.Client, redisadapter.StreamsConfig{Logger: quiet})
		},
	} {
		t.Run(kind, func(t *testing.T) {
			a, err := open()
			if err != nil {
				t.Fatal(err)
			}
			srv, err := sio.New(sio.Config{Adapter: a.Adapter, ConnectionStateRecovery: &sio.Recovery{}, Logger: quiet})
			if err != nil {
				t.Fatal(err)
			}
			srv.Emit("x")
			for range 2 {
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			}
			if _, err := srv.Of("/late").FetchSockets(t.Context()); err == nil {
				t.Error("others are asked without a connection")
			}
			srv.Emit("x")
			srv.Of("/late").Emit("x")
			if err := srv.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSenderAfterClose(t *testing.T) {
	r := redistest.Start(t)
	pubsub, err1 := redisadapter.NewPubSubSender(r.Client, redisadapter.PubSubConfig{})
	sharded, err2 := redisadapter.NewShardedSender(r.Client, redisadapter.ShardedConfig{})
	streams, err3 := redisadapter.NewStreamsSender(r.Client, redisadapter.StreamsConfig{})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for _, out := range []interface {
		emitter.Sender
		Close() error
	}{pubsub, sharded, streams} {
		for range 2 {
			if err := out.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := emitter.New(out).Emit(t.Context(), "x"); !errors.Is(err, redisadapter.ErrClosed) {
			t.Errorf("%T: %v", out, err)
		}
	}
}

// TestClientWithMaintenance takes a client's options without what only one
// client can have.
func TestClientWithMaintenance(t *testing.T) {
	r := redistest.Start(t)
	client := redis.NewClient(&redis.Options{
		Addr: r.Addr, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeEnabled},
	})
	defer client.Close()
	p, err := redisadapter.NewPubSub(client, redisadapter.PubSubConfig{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
