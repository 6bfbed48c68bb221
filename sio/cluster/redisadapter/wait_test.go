package redisadapter

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// TestChannelsLine has many small events take each bit of room: a large one
// gets its turn.
func TestChannelsLine(t *testing.T) {
	c := &channels{cfg: channelsConfig{maxQueued: 10_000, maxQueuedBytes: 4 << 20, maxMessage: 1 << 30}}
	p := &c.out
	p.c, p.wake, p.drained, p.patience = c, make(chan struct{}, 1), make(chan struct{}), 10*time.Second
	m, yes := &cluster.Message{Type: cluster.Broadcast}, func() bool { return true }
	small := make([]byte, 128<<10)
	for p.add(events, "x", small) == nil {
	}
	var over atomic.Bool
	var running sync.WaitGroup
	defer running.Wait()
	defer over.Store(true)
	for range 64 {
		running.Go(func() {
			for !over.Load() {
				if err := c.send(m, "x", small, yes, nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	running.Go(func() { // is Redis
		for waiting := 1; !over.Load() || waiting > 0; {
			p.mu.Lock()
			batch := p.take(nil)
			p.mu.Unlock()
			time.Sleep(time.Millisecond)
			p.done(batch, len(batch))
			p.mu.Lock()
			waiting = p.queued()
			p.mu.Unlock()
		}
	})
	if err := c.send(m, "x", make([]byte, 3<<20), yes, nil); err != nil {
		t.Error(err)
	}
}

// TestEmitterAtClose closes a namespace while an emitter waits for room: that
// ends, and those of others go on waiting.
func TestEmitterAtClose(t *testing.T) {
	r := redistest.Start(t)
	client := redis.NewClient(&redis.Options{Addr: r.Addr})
	defer client.Close()
	a, err := NewPubSub(client, PubSubConfig{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	room := func(messages int) {
		p := &a.channels.out
		p.mu.Lock()
		defer p.mu.Unlock()
		p.patience, p.c.cfg.maxQueued = time.Hour, messages
		p.admit()
	}
	room(0)
	one, other := a.Adapter(waiting{name: "/one"}), a.Adapter(waiting{name: "/other"})
	results := make(chan error)
	emit := func(to adapter.Adapter, lines int) {
		go func() { results <- to.ServerSideEmit(adapter.Packet{Event: "e"}) }()
		wait.Until(t, "it waits", func() bool {
			a.channels.out.mu.Lock()
			defer a.channels.out.mu.Unlock()
			return len(a.channels.out.queues[events].waiting) == lines
		})
	}
	emit(other, 1)
	emit(one, 2)
	closed := make(chan error)
	go func() { closed <- one.Close() }()
	if err := <-results; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	room(1)
	if err := <-results; err != nil {
		t.Error(err)
	}
	_ = other.Close()
}

// waiting is a namespace on whose goroutines one may wait.
type waiting struct {
	adapter.Local
	name string
}

func (w waiting) Namespace() string { return w.name }
func (w waiting) MayWait() bool     { return true }
