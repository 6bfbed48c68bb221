package redisadapter_test

import (
	"context"
	"encoding/json"
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

// way is one of the package's adapters.
type way struct {
	adapter func(adapter.Local) adapter.Adapter
	stats   func() redisadapter.Stats // of its channels
	close   func() error
}

// ways open each of the adapters.
var ways = map[string]func(t testing.TB, client redis.UniversalClient) way{
	"pubsub": func(t testing.TB, client redis.UniversalClient) way {
		a, err := redisadapter.NewPubSub(client, redisadapter.PubSubConfig{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return way{a.Adapter, a.Stats, a.Close}
	},
	"sharded": func(t testing.TB, client redis.UniversalClient) way {
		a, err := redisadapter.NewSharded(client, redisadapter.ShardedConfig{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return way{a.Adapter, a.Stats, a.Close}
	},
	"streams": func(t testing.TB, client redis.UniversalClient) way {
		a, err := redisadapter.NewStreams(client, redisadapter.StreamsConfig{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return way{a.Adapter, func() redisadapter.Stats { return a.Stats().Channels }, a.Close}
	},
}

// hall is a namespace with many sockets, and as many clients that acknowledge.
type hall struct {
	adapter.Local
	sockets, size int
	events        atomic.Int64
}

func (h *hall) Namespace() string { return "/" }

func (h *hall) OnRoom(func(adapter.RoomEvent)) {}

func (h *hall) Broadcast(adapter.Packet, adapter.Options) error {
	h.events.Add(1)
	return nil
}

func (h *hall) HasRoom(string) bool { return true }

func (h *hall) BroadcastAck(_ context.Context, _ adapter.Packet, _ adapter.Options, acks adapter.Acks) error {
	acks.Clients(h.sockets)
	go func() {
		for i := range h.sockets {
			acks.Answer(adapter.Answer{Data: fmt.Appendf(nil, "%d", i)})
		}
	}()
	return nil
}

func (h *hall) Describe(adapter.Options) (next func() []adapter.Details) {
	data, at := json.RawMessage(`"`+strings.Repeat("x", h.size)+`"`), 0
	return func() (page []adapter.Details) {
		for ; at < h.sockets && len(page) < 16; at++ {
			page = append(page, adapter.Details{ID: fmt.Sprint("socket", at), Handshake: json.RawMessage(`{"auth":{}}`), Rooms: []string{"r"}, Data: data})
		}
		return page
	}
}

// Sockets is here for comparison with how it was.
func (h *hall) Sockets(o adapter.Options) (list []adapter.Details) {
	next := h.Describe(o)
	for page := next(); len(page) > 0; page = next() {
		list = append(list, page...)
	}
	return list
}

// opened is one server's namespace.
type opened struct {
	adapter.Adapter
	way
	hall *hall
}

func open(t testing.TB, name string, client redis.UniversalClient, h *hall) *opened {
	t.Helper()
	w := ways[name](t, client)
	o := &opened{w.adapter(h), w, h}
	t.Cleanup(func() {
		_ = o.Adapter.Close()
		_ = w.close()
	})
	return o
}

// together waits until all servers count each other.
func together(t testing.TB, all ...*opened) {
	t.Helper()
	for _, o := range all {
		wait.Until(t, "the servers see each other", func() bool {
			n, err := o.ServerCount(t.Context())
			return err == nil && n == len(all)
		})
	}
}

// heapPeak samples the heap until stop is called.
func heapPeak() (stop func() (mb uint64)) {
	end, done, peak := make(chan struct{}), make(chan struct{}), uint64(0)
	go func() {
		defer close(done)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(end)
		<-done
		return peak >> 20
	}
}

// TestLargeAnswers has a server with 8,000 sockets of 4.5 KB, 36 MB in all,
// describe them to one behind a line of 5 MB/s: all arrive, the line is not
// cut, and events to a third server are not lost.
func TestLargeAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves 36 MB slowly")
	}
	for name := range ways {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			link, err := redistest.NewLink(r.Addr, 5<<20)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { link.Close() })
			far := redis.NewClient(&redis.Options{Addr: link.Addr})
			t.Cleanup(func() { far.Close() })
			asking, full, third := open(t, name, far, &hall{}), open(t, name, r.Client, &hall{sockets: 8000, size: 4500}), open(t, name, r.Client, &hall{})
			together(t, asking, full, third)

			stop := make(chan struct{})
			var emitting sync.WaitGroup
			sent := int64(0)
			emitting.Go(func() {
				for {
					_ = full.Broadcast(adapter.Packet{Event: "e", Args: []any{1}}, adapter.Options{})
					sent++
					select {
					case <-stop:
						return
					case <-time.After(5 * time.Millisecond):
					}
				}
			})
			peak, start := heapPeak(), time.Now()
			list, err := asking.FetchSockets(t.Context(), adapter.Options{})
			took := time.Since(start)
			close(stop)
			emitting.Wait()
			ids := make(map[string]bool)
			bytes := 0
			for _, d := range list {
				ids[d.ID] = true
				bytes += len(d.Data)
			}
			if err != nil || len(list) != 8000 || len(ids) != 8000 || bytes != 8000*4502 {
				t.Errorf("%d sockets, %d bytes of data, %v", len(ids), bytes, err)
			}
			for _, o := range []*opened{asking, third} {
				wait.Until(t, "all events come", func() bool { return o.hall.events.Load() >= sent })
			}
			for _, o := range []*opened{asking, full, third} {
				if s := o.stats(); s.Disconnects+s.Lost+s.Dropped != 0 {
					t.Errorf("%+v", s)
				}
			}
			t.Logf("%d sockets in %v, the heap of all three at most %d MB, %d events beside them", len(list), took, peak(), sent)
		})
	}
}

// TestManyAcks has 4,000 clients acknowledge ten broadcasts at once, while
// their server emits 500 events: nothing is lost.
func TestManyAcks(t *testing.T) {
	for name := range ways {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			asking, full := open(t, name, r.Client, &hall{}), open(t, name, r.Client, &hall{sockets: 4000})
			together(t, asking, full)
			var working sync.WaitGroup
			var answers atomic.Int64
			for range 10 {
				working.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					defer cancel()
					c := &counter{left: 1, done: make(chan struct{})}
					if err := asking.BroadcastAck(ctx, adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
						t.Error(err)
					}
					select {
					case <-c.done:
					case <-ctx.Done():
						t.Error("it does not end")
					}
					answers.Add(int64(c.count()))
				})
			}
			working.Go(func() {
				for range 500 {
					_ = full.Broadcast(adapter.Packet{Event: "e", Args: []any{1}}, adapter.Options{})
					time.Sleep(time.Millisecond)
				}
			})
			working.Wait()
			if n := answers.Load(); n != 40_000 {
				t.Errorf("%d answers", n)
			}
			wait.Until(t, "all events come", func() bool { return asking.hall.events.Load() == 500 })
			for _, o := range []*opened{asking, full} {
				if s := o.stats(); s.Lost+s.Dropped != 0 {
					t.Errorf("%+v", s)
				}
			}
			t.Logf("%d messages", full.stats().Published)
		})
	}
}

// counter counts acknowledgements. It implements adapter.Acks.
type counter struct {
	done chan struct{}

	mu                   sync.Mutex
	left, clients, heard int
	over                 bool
}

func (c *counter) update(servers, clients, heard int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.clients, c.heard = c.left+servers, c.clients+clients, c.heard+heard
	if c.left == 0 && c.heard >= c.clients && !c.over {
		c.over = true
		close(c.done)
	}
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard
}

func (c *counter) Servers(n int)         { c.update(n, 0, 0) }
func (c *counter) Clients(n int)         { c.update(-1, n, 0) }
func (c *counter) Answer(adapter.Answer) { c.update(0, 0, 1) }
func (c *counter) Gone(n int, _ error)   { c.update(0, -n, 0) }
