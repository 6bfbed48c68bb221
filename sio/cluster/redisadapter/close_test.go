package redisadapter_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/sioserver/sioserver/loop/looptest/wait"
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

// TestCloseWithSilentRedis: Close returns although Redis takes nothing, and
// gives messages up that wait for it.
func TestCloseWithSilentRedis(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	r := redistest.Start(t)
	p, err1 := redisadapter.NewPubSub(r.Client, redisadapter.PubSubConfig{Logger: quiet})
	h, err2 := redisadapter.NewSharded(r.Client, redisadapter.ShardedConfig{Logger: quiet})
	s, err3 := redisadapter.NewStreams(r.Client, redisadapter.StreamsConfig{Logger: quiet})
	d, err4 := redisadapter.NewDirectory(r.Client, redisadapter.DirectoryConfig{Addr: "a:1", Logger: quiet})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	connected := func() bool { return p.Stats().Connected && h.Stats().Connected && s.Stats().Connected }
	var servers []*sio.Server
	for _, a := range []closer{p, h, s} {
		srv, err := sio.New(sio.Config{Adapter: a.Adapter, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, srv)
	}
	wait.Until(t, "all are connected", connected)
	r.Pause()
	defer r.Resume()
	for _, srv := range servers {
		srv.Emit("x")
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	}
	for name, end := range map[string]func() error{"PubSub": p.Close, "Sharded": h.Close, "Streams": s.Close, "Directory": d.Close} {
		begun, ended := time.Now(), make(chan error, 1)
		go func() { ended <- end() }()
		if err := wait.For(t, "the end of "+name, ended); err != nil && !errors.Is(err, redisadapter.ErrAway) {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: Close took %v", name, time.Since(begun))
	}
	if lost := p.Stats().Lost; lost != 1 {
		t.Errorf("PubSub counts %d messages as lost", lost)
	}
}

// TestSenderAfterGoexit: a message is not reported as sent if a function of the
// client's options has ended the goroutine that sends it.
func TestSenderAfterGoexit(t *testing.T) {
	r := redistest.Start(t)
	client := redis.NewClient(&redis.Options{Addr: r.Addr, OnConnect: func(context.Context, *redis.Conn) error {
		runtime.Goexit()
		return nil
	}})
	defer client.Close()
	out, err := redisadapter.NewPubSubSender(client, redisadapter.PubSubConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := emitter.New(out).Emit(t.Context(), "x"); !errors.Is(err, redisadapter.ErrAway) {
		t.Errorf("the error is %v", err)
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
