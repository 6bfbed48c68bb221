package redisadapter_test

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// hearer is a namespace that notes which numbered events it was handed, in
// which order.
type hearer struct {
	nowhere
	mu    sync.Mutex
	heard []int
}

func (h *hearer) Broadcast(p adapter.Packet, _ adapter.Options) error {
	h.note(p.Event)
	return nil
}

func (h *hearer) note(event string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	fmt.Sscan(event, &n)
	h.heard = append(h.heard, n)
}

func (h *hearer) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.heard)
}

// behind is how many came after one that was emitted later, or again.
func (h *hearer) behind() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	most := -1
	for _, v := range h.heard {
		if v <= most {
			n++
		}
		most = max(most, v)
	}
	return n
}

// streamsAt is a Streams by way of an address.
func streamsAt(t testing.TB, addr string, cfg redisadapter.StreamsConfig) *redisadapter.Streams {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { client.Close() })
	cfg.Logger = slog.New(slog.DiscardHandler)
	s, err := redisadapter.NewStreams(client, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// linked is a namespace of such a Streams, which is read from now on.
func linked(t testing.TB, addr string, local adapter.Local, cfg redisadapter.StreamsConfig) (adapter.Recoverer, *redisadapter.Streams) {
	t.Helper()
	s := streamsAt(t, addr, cfg)
	a := s.Adapter(local).(adapter.Recoverer)
	t.Cleanup(func() { a.Close() })
	wait.Until(t, "the stream is read", func() bool { return s.Stats().Connected })
	return a, s
}

func link(t testing.TB, r *redistest.Server, bytesPerSecond int) *redistest.Link {
	t.Helper()
	l, err := redistest.NewLink(r.Addr, bytesPerSecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func event(n, size int) adapter.Packet {
	return adapter.Packet{Event: fmt.Sprint(n), Args: []any{strings.Repeat("x", size)}}
}

// fill adds entries of another server, of a size each.
func fill(t testing.TB, r *redistest.Server, n, size int) {
	t.Helper()
	body := strings.Repeat("x", size)
	for i := range n {
		err := r.Client.XAdd(t.Context(), &redis.XAddArgs{Stream: "socket.io", Values: []any{
			"uid", "other", "nsp", "/", "type", "3",
			"data", fmt.Sprintf(`{"packet":{"type":2,"data":["%d","%s"],"nsp":"/"},"opts":{"rooms":[],"except":[],"flags":{}}}`, i, body),
		}}).Err()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestStreamsSlowWriter has a link carry more than it can in the time that
// Redis may be silent.
func TestStreamsSlowWriter(t *testing.T) {
	for name, tc := range map[string]struct{ events, size, speed int }{
		"many":  {130, 120_000, 5 << 20},
		"large": {1, 10 << 20, 5 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := redistest.Start(t)
			other := &hearer{}
			_, _ = linked(t, r.Addr, other, redisadapter.StreamsConfig{})
			a, s := linked(t, link(t, r, tc.speed).Addr, nowhere{}, redisadapter.StreamsConfig{})
			start := time.Now()
			for i := range tc.events {
				if err := a.Broadcast(event(i, tc.size), adapter.Options{}); err != nil {
					t.Fatal(err)
				}
			}
			t.Cleanup(func() {
				t.Logf("%d of %d after %v, lost %d times", other.count(), tc.events, time.Since(start), s.Stats().Lost)
			})
			wait.Until(t, "all arrive", func() bool { return other.count() >= tc.events })
			if st := s.Stats(); st.Dropped > 0 || other.behind() > 0 {
				t.Errorf("%d are out of order, %+v", other.behind(), st)
			}
		})
	}
}

// TestStreamsSlowReader has a link carry more than it can in the time that an
// answer may take.
func TestStreamsSlowReader(t *testing.T) {
	for name, tc := range map[string]struct{ entries, size, speed int }{
		"many":  {16, 1 << 20, 4 << 20},
		"large": {1, 10 << 20, 3 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := redistest.Start(t)
			h := &hearer{}
			l := link(t, r, 0)
			_, s := linked(t, l.Addr, h, redisadapter.StreamsConfig{BlockTime: 200 * time.Millisecond})
			l.SetSpeed(tc.speed)
			start := time.Now()
			fill(t, r, tc.entries, tc.size)
			t.Cleanup(func() {
				t.Logf("%d of %d after %v, lost %d times", h.count(), tc.entries, time.Since(start), s.Stats().Lost)
			})
			wait.Until(t, "all is read", func() bool { return h.count() >= tc.entries })
			if st := s.Stats(); st.Gaps > 0 || h.behind() > 0 {
				t.Errorf("%d out of order, %+v", h.behind(), st)
			}
		})
	}
}

// TestStreamsUnsureOfLarge has a transaction's outcome unknown while the
// stream's end is large: the requests for its end stay small.
func TestStreamsUnsureOfLarge(t *testing.T) {
	r := redistest.Start(t)
	fill(t, r, 300, 200_000)
	l := link(t, r, 20<<20)
	a, s := linked(t, l.Addr, nowhere{}, redisadapter.StreamsConfig{BlockTime: 500 * time.Millisecond})
	stop := make(chan struct{})
	var peak atomic.Uint64
	go func() {
		var m runtime.MemStats
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapInuse))
			}
		}
	}()
	defer close(stop)
	l.Pause(2500 * time.Millisecond)
	start := time.Now()
	for i := range 20 {
		if err := a.Broadcast(event(i, 200_000), adapter.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	wait.Until(t, "all is written", func() bool { return s.Stats().Published == 20 })
	t.Logf("after %v, heap %d MB, %+v", time.Since(start), peak.Load()>>20, s.Stats())
	if n := r.Client.XLen(t.Context(), "socket.io").Val(); n != 320 {
		t.Errorf("%d entries", n)
	}
}

// TestStreamsBurst emits faster than Redis takes it: nothing is overtaken.
func TestStreamsBurst(t *testing.T) {
	const events = 10_000
	r := redistest.Start(t)
	other := &hearer{}
	_, _ = linked(t, r.Addr, other, redisadapter.StreamsConfig{})
	own := &hearer{}
	a, s := linked(t, r.Addr, own, redisadapter.StreamsConfig{MaxLen: 1_000_000, MaxQueued: 1_000, QueueTimeout: time.Minute})
	start := time.Now()
	for i := range events {
		done := false
		err := a.BroadcastKept(event(i, 10), adapter.Options{}, func(string) {
			if !done {
				done = true
				own.note(fmt.Sprint(i))
			}
		})
		if err != nil {
			t.Fatal(i, err)
		}
	}
	wait.Until(t, "all is delivered here", func() bool { return own.count() >= events })
	t.Logf("%v, own %d behind %d, other %d behind %d, %+v", time.Since(start), own.count(), own.behind(), other.count(), other.behind(), s.Stats())
	wait.Until(t, "all arrive", func() bool { return other.count() >= events })
	if own.behind()+other.behind() > 0 {
		t.Errorf("%d and %d are overtaken", own.behind(), other.behind())
	}
}

// TestStreamsLargeAndSmall: a small event waits behind large ones.
func TestStreamsLargeAndSmall(t *testing.T) {
	r := redistest.Start(t)
	other, own := &hearer{}, &hearer{}
	_, _ = linked(t, r.Addr, other, redisadapter.StreamsConfig{})
	a, s := linked(t, link(t, r, 10<<20).Addr, own, redisadapter.StreamsConfig{QueueTimeout: time.Minute})
	for i, size := range []int{10 << 20, 10 << 20, 10} {
		done := false
		err := a.BroadcastKept(event(i, size), adapter.Options{}, func(string) {
			if !done {
				done = true
				own.note(fmt.Sprint(i))
			}
		})
		if err != nil {
			t.Fatal(i, err)
		}
	}
	wait.Until(t, "all arrive", func() bool { return other.count() >= 3 && own.count() >= 3 })
	if own.behind()+other.behind() > 0 {
		t.Errorf("%v here, %v there, %+v", own.heard, other.heard, s.Stats())
	}
}
