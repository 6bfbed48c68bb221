package redis_test

import (
	"errors"
	"log/slog"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redis"
	"github.com/sioserver/sioserver/sio/cluster/redis/redistest"
	"github.com/sioserver/sioserver/sio/emitter"
)

// closer is a kind of adapter.
type closer interface {
	Adapter(adapter.Local) adapter.Adapter
	Close() error
}

// TestCloseInAnyOrder closes adapters before the servers that use them, twice, and has
// such a server make a namespace.
func TestCloseInAnyOrder(t *testing.T) {
	r := redistest.Start(t)
	quiet := slog.New(slog.DiscardHandler)
	for kind, open := range map[string]func() (closer, error){
		"pubsub":  func() (closer, error) { return redis.NewPubSub(r.Client, redis.PubSubConfig{Logger: quiet}) },
		"sharded": func() (closer, error) { return redis.NewSharded(r.Client, redis.ShardedConfig{Logger: quiet}) },
		"streams": func() (closer, error) { return redis.NewStreams(r.Client, redis.StreamsConfig{Logger: quiet}) },
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
	pubsub, err1 := redis.NewPubSubSender(r.Client, redis.PubSubConfig{})
	sharded, err2 := redis.NewShardedSender(r.Client, redis.ShardedConfig{})
	streams, err3 := redis.NewStreamsSender(r.Client, redis.StreamsConfig{})
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
		if err := emitter.New(out).Emit(t.Context(), "x"); !errors.Is(err, redis.ErrClosed) {
			t.Errorf("%T: %v", out, err)
		}
	}
}

// TestClientWithMaintenance takes a client's options without what only one client can
// have.
func TestClientWithMaintenance(t *testing.T) {
	r := redistest.Start(t)
	client := goredis.NewClient(&goredis.Options{
		Addr: r.Addr, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeEnabled},
	})
	defer client.Close()
	p, err := redis.NewPubSub(client, redis.PubSubConfig{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
