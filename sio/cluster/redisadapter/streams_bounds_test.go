package redisadapter_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// keeper is the adapter of a server's main namespace, which is read from now
// on.
func keeper(t testing.TB, r *redistest.Server, cfg redisadapter.StreamsConfig) (adapter.Recoverer, *redisadapter.Streams) {
	t.Helper()
	streams, err := redisadapter.NewStreams(r.Client, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var a adapter.Adapter
	srv, err := sio.New(sio.Config{Logger: slog.New(slog.DiscardHandler), Adapter: func(l adapter.Local) adapter.Adapter {
		a = streams.Adapter(l)
		return a
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Close()
		streams.Close()
	})
	wait.Until(t, "the stream is read", func() bool { return streams.Stats().Connected })
	return a.(adapter.Recoverer), streams
}

// add adds broadcasts of another server, some of them at once.
func add(t testing.TB, r *redistest.Server, n int, values ...any) {
	t.Helper()
	pipe := r.Client.Pipeline()
	for range n {
		pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: "socket.io", Values: append([]any{
			"uid", "other", "nsp", "/", "type", "3", "data", `{"packet":{"type":2,"data":["e"],"nsp":"/"},"opts":{"rooms":[],"except":[],"flags":{}}}`,
		}, values...)})
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestStreamsForgedNumber has an entry with this server's name and a number
// that it has not used yet. The server ignores it.
func TestStreamsForgedNumber(t *testing.T) {
	r := redistest.Start(t)
	k, streams := keeper(t, r, redisadapter.StreamsConfig{})
	if err := k.BroadcastKept(adapter.Packet{Event: "e"}, adapter.Options{}, func(string) {}); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "it is published", func() bool { return streams.Stats().Published == 1 })
	own := r.Client.XRange(t.Context(), "socket.io", "-", "+").Val()[0]
	add(t, r, 1, "sw", own.Values["sw"], "sn", fmt.Sprint(uint64(math.MaxUint64)))
	add(t, r, 1)
	received := make(chan redisadapter.StreamsStats)
	go func() {
		for {
			if st := streams.Stats(); st.Received == 1 {
				received <- st
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	select {
	case st := <-received:
		if st.Invalid != 1 {
			t.Errorf("%+v", st)
		}
	case <-time.After(redistest.Timeout):
		panic("the stream is stuck") // nothing would end
	}
	met := make(chan string, 1)
	if err := k.BroadcastKept(adapter.Packet{Event: "e"}, adapter.Options{}, func(offset string) { met <- offset }); err != nil {
		t.Fatal(err)
	}
	if offset := <-met; offset == "" {
		t.Error("the next own packet has no turn")
	}
}

// TestStreamsLongHistory reads a stream in several histories. Each one ends
// with the last packet that it covers.
func TestStreamsLongHistory(t *testing.T) {
	const entries, batch = 10_500, 500
	r := redistest.Start(t)
	k, streams := keeper(t, r, redisadapter.StreamsConfig{ReadCount: 1000, MaxLen: 1_000_000})
	for range entries / batch {
		add(t, r, batch)
	}
	wait.Until(t, "all is read", func() bool { return streams.Stats().Received == entries })
	first := r.Client.XRangeN(t.Context(), "socket.io", "-", "+", 1).Val()[0].ID
	last := r.Client.XRevRangeN(t.Context(), "socket.io", "+", "-", 1).Val()[0].ID
	got, most := 0, 0
	for upTo := first; upTo != last; {
		list, next, err := k.History(t.Context(), upTo)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > 0 && list[len(list)-1].Packet.Offset != next {
			t.Fatalf("a history ends with %s, and accounts for %s", list[len(list)-1].Packet.Offset, next)
		}
		got, most, upTo = got+len(list), max(most, len(list)), next
	}
	if got != entries-1 {
		t.Errorf("%d entries, want %d", got, entries-1)
	}
	if most > entries/2 {
		t.Errorf("%d entries at once", most)
	}
}

// TestStreamsMissingSessions: clients whose sessions are not there, and are
// waited for, do not keep others from theirs.
func TestStreamsMissingSessions(t *testing.T) {
	r := redistest.Start(t)
	k, _ := keeper(t, r, redisadapter.StreamsConfig{SessionGrace: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan bool)
	const missing = 200
	for i := range missing {
		go func() {
			_, ok := k.Restore(ctx, fmt.Sprint("missing", i), "1-0", true)
			ended <- ok
		}()
	}
	wait.Until(t, "they are asked for", func() bool { return gets(r) >= 64 })
	k.Persist(adapter.Session{ID: "id", PID: "p", Data: []byte("{}")})
	patient, done := context.WithTimeout(t.Context(), 10*time.Second)
	defer done()
	if s, ok := k.Restore(patient, "p", "1-0", true); !ok || s.ID != "id" {
		t.Errorf("%+v %v", s, ok)
	}
	cancel()
	for range missing {
		if <-ended {
			t.Error("a session that is not there")
		}
	}
}

// TestStreamsRestoreWaits: a session that is asked for while Redis is away is
// there once Redis is.
func TestStreamsRestoreWaits(t *testing.T) {
	r := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	k, _ := keeper(t, r, redisadapter.StreamsConfig{})
	add(t, r, 1)
	offset := r.Client.XRevRangeN(t.Context(), "socket.io", "+", "-", 1).Val()[0].ID
	k.Persist(adapter.Session{ID: "id", PID: "p", Data: []byte("{}")})
	wait.Until(t, "it is kept", func() bool { return r.Client.Exists(t.Context(), "sio:session:p").Val() == 1 })
	r.Kill()
	brief, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, ok := k.Restore(brief, "p", offset, false); ok {
		t.Error("restored without Redis")
	}
	restored := make(chan adapter.Session, 1)
	ctx, end := context.WithTimeout(t.Context(), 20*time.Second)
	defer end()
	go func() {
		s, _ := k.Restore(ctx, "p", offset, false)
		restored <- s
	}()
	r.Start()
	if s := <-restored; s.ID != "id" {
		t.Errorf("restored %+v", s)
	}
}

// gets is how many GET commands there were.
func gets(r *redistest.Server) (n int) {
	_, rest, _ := strings.Cut(r.Client.Info(context.Background(), "commandstats").Val(), "cmdstat_get:calls=")
	fmt.Sscan(rest[:strings.IndexByte(rest+",", ',')], &n)
	return n
}

// TestStreamsLateSession counts a session whose time is over before Redis has
// it.
func TestStreamsLateSession(t *testing.T) {
	r := redistest.Start(t)
	k, streams := keeper(t, r, redisadapter.StreamsConfig{SessionLife: time.Millisecond})
	k.Persist(adapter.Session{ID: "id", PID: "p", Data: []byte("{}")})
	wait.Until(t, "it is counted", func() bool { return streams.Stats().SessionsDropped == 1 })
}

// TestStreamsMovedOn checks that changed is closed when reading continues
// elsewhere.
func TestStreamsMovedOn(t *testing.T) {
	r := redistest.Start(t)
	k, streams := keeper(t, r, redisadapter.StreamsConfig{BlockTime: 10 * time.Millisecond})
	add(t, r, 1)
	wait.Until(t, "it is read", func() bool { return streams.Stats().Received == 1 })
	before, changed := k.Since()
	r.Client.Del(t.Context(), "socket.io")
	r.Client.XAdd(t.Context(), &redis.XAddArgs{Stream: "socket.io", ID: "1-1", Values: []string{"uid", "other"}})
	wait.For(t, "the change", changed)
	if now, _ := k.Since(); now == before {
		t.Errorf("it is %s still", now)
	}
}
