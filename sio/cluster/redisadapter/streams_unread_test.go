package redisadapter_test

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// TestStreamsUnread: a server whose Redis takes its packets but does not let it
// read them has lost the stream, and keeps few of those whose turns do not
// come.
func TestStreamsUnread(t *testing.T) {
	const packets, most = 200, 10
	r := redistest.Start(t)
	allow := func(rules ...any) {
		t.Helper()
		if err := r.Client.Do(t.Context(), append([]any{"ACL", "SETUSER", "app", "on", ">secret", "~*", "&*"}, rules...)...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	allow("+@all")
	client := redis.NewClient(&redis.Options{Addr: r.Addr, Username: "app", Password: "secret"})
	defer client.Close()
	streams, err := redisadapter.NewStreams(client, redisadapter.StreamsConfig{
		MaxQueued: most, BlockTime: 10 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer streams.Close()
	k := streams.Adapter(nowhere{}).(adapter.Recoverer)
	defer k.Close()
	stats := streams.Stats
	wait.Until(t, "the stream is read", func() bool { return stats().Connected })
	allow("-xread")
	wait.Until(t, "the stream is lost", func() bool { return !stats().Connected })
	var bare, turns atomic.Int64
	last := make(chan string, 2)
	for i := range packets {
		err := k.BroadcastKept(adapter.Packet{Event: "e"}, adapter.Options{}, func(offset string) {
			if offset == "" {
				bare.Add(1)
			} else {
				turns.Add(1)
			}
			if i == packets-1 {
				last <- offset
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		wait.Until(t, "the packet is written", func() bool { return stats().Published == uint64(i+1) })
	}
	<-last // without an offset
	if st := stats(); st.Connected || st.Lost != 1 || bare.Load() != packets {
		t.Errorf("%d packets were delivered: %+v", bare.Load(), st)
	}
	before, _ := k.Since()
	allow("+xread")
	if offset := <-last; offset == "" || turns.Load() != 2*most {
		t.Errorf("%d packets had their turns, want %d", turns.Load(), 2*most)
	}
	if now, _ := k.Since(); now == before {
		t.Error("those without a turn are as good as read")
	}
}
