package redisadapter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// shared is a buffer for several goroutines.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestStreamsTwins: two servers with one UID learn of it, in two processes or
// in one.
func TestStreamsTwins(t *testing.T) {
	for _, where := range []string{"two processes", "one process"} {
		t.Run(where, func(t *testing.T) {
			r := redistest.Start(t)
			log := new(shared)
			open := func() *redisadapter.Streams {
				cfg := redisadapter.StreamsConfig{Logger: slog.New(slog.NewTextHandler(log, nil))}
				cfg.Node.UID = func() string { return "host-1" }
				s, err := redisadapter.NewStreams(r.Client, cfg)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { s.Close() })
				return s
			}
			s1 := open()
			s2 := s1
			if where == "two processes" {
				s2 = open()
			}
			a := s1.Adapter(nowhere{})
			t.Cleanup(func() { a.Close() })
			b := s2.Adapter(nowhere{})
			t.Cleanup(func() { b.Close() })
			for _, s := range []*redisadapter.Streams{s1, s2} {
				untilStreams(t, s, func(st redisadapter.StreamsStats) bool { return st.Connected })
			}
			for i := range 5 {
				if err := a.Broadcast(event(i, 1), adapter.Options{}); err != nil {
					t.Fatal(err)
				}
			}
			untilStreams(t, s2, func(st redisadapter.StreamsStats) bool { return st.Channels.Nodes.DuplicateUIDs == 5 })
			wait.Until(t, "it is logged", func() bool { return strings.Contains(log.String(), "level=ERROR") })
			if n := strings.Count(log.String(), "same UID"); n != 1 {
				t.Errorf("%d lines", n)
			}
			if where == "two processes" && s1.Stats().Channels.Nodes.DuplicateUIDs != 0 {
				t.Errorf("the one that has sent: %+v", s1.Stats())
			}
		})
	}
}

// TestStreamsWriterNames: writers with long names are refused, and of many only
// some are remembered, the latest among them.
func TestStreamsWriterNames(t *testing.T) {
	r := redistest.Start(t)
	_, s := keeper(t, r, redisadapter.StreamsConfig{})
	add(t, r, 3, "sw", strings.Repeat("w", 100_000), "sn", "1")
	add(t, r, 1, "sw", strings.Repeat("w", 129), "sn", "1")
	untilStreams(t, s, func(st redisadapter.StreamsStats) bool { return st.Invalid == 4 })
	const writers = 12_000
	for first := 0; first < writers; first += 100 {
		pipe := r.Client.Pipeline()
		for i := range 100 {
			for range 1 + i%2 {
				pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: "socket.io", Values: []any{
					"uid", "other", "nsp", "/none", "type", "3", "sw", fmt.Sprint("writer ", first+i), "sn", 1,
				}})
			}
		}
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	add(t, r, 1, "sw", fmt.Sprint("writer ", writers-4000), "sn", "1")
	add(t, r, 1, "sw", "the last", "sn", "1")
	untilStreams(t, s, func(st redisadapter.StreamsStats) bool { return st.Received > writers })
	// A busy Redis may have got some twice.
	if st := s.Stats(); st.Received != writers+1 || st.Duplicates < writers/2+1 {
		t.Errorf("%+v", st)
	}
}

// startHearer connects a namespace that records what it gets.
func startHearer(t *testing.T, client redis.UniversalClient, block time.Duration) (*redisadapter.Streams, *hearer) {
	t.Helper()
	s, err := redisadapter.NewStreams(client, redisadapter.StreamsConfig{BlockTime: block, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h := &hearer{}
	a := s.Adapter(h)
	t.Cleanup(func() {
		a.Close()
		s.Close()
	})
	untilStreams(t, s, func(st redisadapter.StreamsStats) bool { return st.Connected })
	return s, h
}

// deafReads is a connection on which what asks for entries never arrives.
type deafReads struct {
	net.Conn
	deaf *atomic.Bool
}

func (c deafReads) Write(b []byte) (int, error) {
	if c.deaf.Load() && bytes.Contains(b, []byte("\r\nxread\r\n")) {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// TestStreamsNothingIsRead: a server that gets no entries, although Redis
// answers all else, says so.
func TestStreamsNothingIsRead(t *testing.T) {
	r := redistest.Start(t)
	deaf := new(atomic.Bool)
	o := *r.Client.Options()
	o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return deafReads{c, deaf}, err
	}
	client := redis.NewClient(&o)
	t.Cleanup(func() { client.Close() })
	s, h := startHearer(t, client, 100*time.Millisecond)
	deaf.Store(true)
	untilStreams(t, s, func(st redisadapter.StreamsStats) bool { return !st.Connected && st.Lost == 1 })
	fill(t, r, 3, 10)
	// It stays so, whatever else is answered: for another look at the stream,
	// at least.
	begun := lookups(r)
	wait.Until(t, "it looks again", func() bool { return lookups(r) > begun+1 })
	if st := s.Stats(); st.Connected || st.Lost != 1 {
		t.Errorf("%+v", st)
	}
	deaf.Store(false)
	untilStreams(t, s, func(st redisadapter.StreamsStats) bool { return st.Connected && st.Received == 3 })
	if h.behind() > 0 || h.count() != 3 {
		t.Error(h.heard)
	}
}

// lookups is how many XREVRANGE commands there were.
func lookups(r *redistest.Server) (n int) {
	_, rest, _ := strings.Cut(r.Client.Info(context.Background(), "commandstats").Val(), "cmdstat_xrevrange:calls=")
	fmt.Sscan(rest[:strings.IndexByte(rest+",", ',')], &n)
	return n
}

// sentBy is how many bytes Redis has sent.
func sentBy(r *redistest.Server) (n int) {
	_, rest, _ := strings.Cut(r.Client.Info(context.Background(), "stats").Val(), "total_net_output_bytes:")
	fmt.Sscan(rest, &n)
	return n
}

// TestStreamsIdleAfterLarge: an entry of 10 MB at the stream's end is read
// once, not with each look at the stream. Without scripts it is, but all works.
func TestStreamsIdleAfterLarge(t *testing.T) {
	for name, rules := range map[string][]any{
		"scripts": {"+@all"}, "no scripts": {"+@all", "-@scripting"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := redistest.Start(t)
			args := append([]any{"ACL", "SETUSER", "app", "on", ">secret", "~*", "&*"}, rules...)
			if err := r.Client.Do(t.Context(), args...).Err(); err != nil {
				t.Fatal(err)
			}
			client := redis.NewClient(&redis.Options{Addr: r.Addr, Username: "app", Password: "secret"})
			t.Cleanup(func() { client.Close() })
			s, h := startHearer(t, client, 50*time.Millisecond)
			fill(t, r, 1, 10<<20)
			wait.Until(t, "it is read", func() bool { return h.count() == 1 })
			looks := func(n int) {
				t.Helper()
				begun := lookups(r)
				wait.Until(t, "the stream is looked at", func() bool { return lookups(r) > begun+n })
			}
			looks(1) // one may have begun before
			before := sentBy(r)
			looks(2)
			// Less than the entry, and more than what the test has asked Redis
			// meanwhile.
			if n, most := sentBy(r)-before, 9<<20; name == "scripts" && n > most {
				t.Errorf("Redis has sent %d bytes, more than %d", n, most)
			}
			fill(t, r, 3, 10)
			wait.Until(t, "the rest is read", func() bool { return h.count() == 4 })
			if st := s.Stats(); st.Gaps > 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestStreamsSenderSlowLink: an emitter's large message passes a slow link,
// unless its context ends.
func TestStreamsSenderSlowLink(t *testing.T) {
	r := redistest.Start(t)
	client := redis.NewClient(&redis.Options{Addr: link(t, r, 3<<20).Addr, ReadTimeout: time.Second})
	defer client.Close()
	out, err := redisadapter.NewStreamsSender(client, redisadapter.StreamsConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	m := message(10 << 20)
	if err := out.Send(t.Context(), m); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := out.Send(ctx, m); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestStreamsCloseOnSlowLink: the end does not wait for what takes long, and
// counts it.
func TestStreamsCloseOnSlowLink(t *testing.T) {
	r := redistest.Start(t)
	a, s := linked(t, link(t, r, 1<<20).Addr, nowhere{}, redisadapter.StreamsConfig{})
	const events = 10
	for i := range events {
		if err := a.Broadcast(event(i, 1<<20), adapter.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
	if st := s.Stats(); st.Published+st.Dropped != events {
		t.Errorf("%+v", st)
	}
}

// TestStreamsMakingWhileRead has the stream's reader make namespaces that
// another goroutine makes at the same time: the adapter of the one that is too
// late is closed while the reader has its turn.
func TestStreamsMakingWhileRead(t *testing.T) {
	r := redistest.Start(t)
	s := streamsAt(t, r.Addr, redisadapter.StreamsConfig{})
	srv, err := sio.New(sio.Config{Adapter: s.Adapter, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	untilStreams(t, s, func(st redisadapter.StreamsStats) bool { return st.Connected })
	made := make(chan struct{})
	reader := s.Adapter(hearing{call: func(string) {
		defer close(made)
		for i := range 100 {
			name, start := fmt.Sprint("/", i), make(chan struct{})
			var rival sync.WaitGroup
			rival.Go(func() {
				<-start
				srv.Of(name)
			})
			close(start)
			srv.Of(name)
			rival.Wait()
		}
	}})
	fill(t, r, 1, 10)
	select {
	case <-made:
		reader.Close()
	case <-time.After(redistest.Timeout):
		panic("the reader is stuck") // nothing would end
	}
}
