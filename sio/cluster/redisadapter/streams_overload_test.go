package redisadapter_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// hasty is a namespace on whose goroutines nothing may wait.
type hasty struct {
	*hearer
	asked atomic.Int32
}

func (h *hasty) MayWait() bool {
	h.asked.Add(1)
	return false
}

// emitKept emits a numbered event that is to be kept, and notes when it is
// delivered here.
func emitKept(a adapter.Recoverer, own *hearer, n, size int) error {
	done := false
	return a.BroadcastKept(event(n, size), adapter.Options{}, func(string) {
		if !done {
			done = true
			own.note(fmt.Sprint(n))
		}
	})
}

// TestStreamsRefuse: what finds a full queue on a loop, or does not get room in
// time, is refused and reaches no client. Accepted events arrive in order.
func TestStreamsRefuse(t *testing.T) {
	for name, tc := range map[string]struct {
		loop    bool
		timeout time.Duration
		waited  bool
	}{
		"on a loop": {true, time.Hour, false},
		"too long":  {false, 10 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			other, own := &hearer{}, &hearer{}
			linked(t, r.Addr, other, redisadapter.StreamsConfig{})
			var local adapter.Local = own
			if tc.loop {
				local = &hasty{hearer: own}
			}
			l := link(t, r, 0)
			a, s := linked(t, l.Addr, local, redisadapter.StreamsConfig{MaxQueued: 10, QueueTimeout: tc.timeout, OrderTimeout: time.Minute})
			l.Pause(3 * time.Second)
			taken := 0
			for i := range 30 {
				err := emitKept(a, own, i, 10)
				if err == nil {
					taken++
				} else if !errors.Is(err, sio.ErrOverloaded) || !errors.Is(err, redisadapter.ErrQueueFull) {
					t.Fatal(err)
				}
			}
			if taken < 10 || taken == 30 {
				t.Errorf("%d were taken", taken)
			}
			if err := a.Broadcast(event(30, 10), adapter.Options{}); !errors.Is(err, sio.ErrOverloaded) {
				t.Error(err)
			}
			wait.Until(t, "those taken arrive", func() bool { return other.count() == taken && own.count() == taken })
			if other.behind()+own.behind() > 0 {
				t.Errorf("%v here, %v there", own.heard, other.heard)
			}
			if st := s.Stats(); st.Refused != uint64(31-taken) || st.Dropped != 0 || (st.Waited > 0) != tc.waited {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestStreamsEmittersWait has several emitters fill the queue: each one's
// events arrive in order, here and there.
func TestStreamsEmittersWait(t *testing.T) {
	const emitters, events = 8, 300
	r := redistest.Start(t)
	var mu sync.Mutex
	own, other := make([]int, emitters), make([]int, emitters)
	heard := func(next []int, event string) {
		mu.Lock()
		defer mu.Unlock()
		n := 0
		fmt.Sscan(event, &n)
		if e := n % emitters; next[e] != n/emitters {
			t.Errorf("emitter %d: got %d, want %d", e, n/emitters, next[e])
		}
		next[n%emitters]++
	}
	all := func(next []int) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range next {
			if n < events {
				return false
			}
		}
		return true
	}
	linked(t, r.Addr, hearing{call: func(event string) { heard(other, event) }}, redisadapter.StreamsConfig{})
	a, s := linked(t, r.Addr, nowhere{}, redisadapter.StreamsConfig{MaxQueued: 20, QueueTimeout: time.Minute})
	var emitting sync.WaitGroup
	for e := range emitters {
		emitting.Go(func() {
			for i := range events {
				done, n := false, i*emitters+e
				err := a.BroadcastKept(event(n, 10), adapter.Options{}, func(string) {
					if !done {
						done = true
						heard(own, fmt.Sprint(n))
					}
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	emitting.Wait()
	wait.Until(t, "all arrive", func() bool { return all(own) && all(other) })
	if st := s.Stats(); st.Waited == 0 || st.Refused+st.Dropped > 0 {
		t.Errorf("%+v", st)
	}
}

// hearing is a namespace that calls a function with the names of events.
type hearing struct {
	nowhere
	call func(event string)
}

func (h hearing) Broadcast(p adapter.Packet, _ adapter.Options) error {
	h.call(p.Event)
	return nil
}

// TestStreamsAwayAndFull: without Redis own clients get everything, in order,
// at once; what waits for room when Redis goes away does not wait any longer.
func TestStreamsAwayAndFull(t *testing.T) {
	r := redistest.Start(t)
	own := &hearer{}
	a, s := linked(t, r.Addr, own, redisadapter.StreamsConfig{MaxQueued: 10, BlockTime: 100 * time.Millisecond, QueueTimeout: time.Hour})
	r.Pause()
	const events = 200
	for i := range events {
		if err := emitKept(a, own, i, 10); err != nil {
			t.Fatal(i, err)
		}
	}
	wait.Until(t, "all is delivered here", func() bool { return own.count() == events })
	if st := s.Stats(); own.behind() > 0 || st.Dropped != events-10 || st.Refused > 0 {
		t.Errorf("%d are out of order, %+v", own.behind(), st)
	}
	r.Resume()
	untilStreams(t, s, func(st redisadapter.StreamsStats) bool { return st.Connected && st.Published == 10 })
}

// TestStreamsCloseWhileWaiting: the end of a namespace, and that of all, ends
// waiting.
func TestStreamsCloseWhileWaiting(t *testing.T) {
	for _, what := range []string{"namespace", "streams"} {
		t.Run(what, func(t *testing.T) {
			r := redistest.Start(t)
			s := streamsAt(t, r.Addr, redisadapter.StreamsConfig{MaxQueued: 1, QueueTimeout: time.Hour})
			a := s.Adapter(nowhere{}).(adapter.Recoverer)
			untilStreams(t, s, func(st redisadapter.StreamsStats) bool { return st.Connected })
			r.Pause()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for s.Stats().Waited == 0 {
					a.Broadcast(event(0, 10), adapter.Options{}) // the error, if any, is not of interest
				}
			}()
			wait.Until(t, "it waits", func() bool { return s.Stats().Waited > 0 })
			begun := time.Now()
			if what == "streams" {
				s.Close()
			} else {
				a.Close()
			}
			wait.For(t, "the end of the waiting call", ended)
			if d := time.Since(begun); d > 10*time.Second {
				t.Errorf("the end took %v", d)
			}
		})
	}
}

// TestStreamsLoopsNeverWait has inline handlers of a server emit into a full
// queue.
func TestStreamsLoopsNeverWait(t *testing.T) {
	r := redistest.Start(t)
	s := streamsAt(t, r.Addr, redisadapter.StreamsConfig{MaxQueued: 5, QueueTimeout: time.Hour, OrderTimeout: time.Minute})
	quiet := slog.New(slog.DiscardHandler)
	srv, err := sio.New(sio.Config{Loops: 1, Adapter: s.Adapter, ConnectionStateRecovery: &sio.Recovery{}, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	outcome := make(chan error, 100)
	srv.On("go", func(context.Context, *sio.Event) error {
		outcome <- srv.Emit("e")
		return nil
	}, sio.Inline())
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Close()
		s.Close()
	})
	untilStreams(t, s, func(st redisadapter.StreamsStats) bool { return st.Connected })
	c := &client{t: t}
	if err := c.connect(srv.Addr().String()); err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	for c.sid == "" {
		if err := c.read(); err != nil {
			t.Fatal(err)
		}
	}
	r.Pause()
	refused := 0
	for range 20 {
		if err := c.send(`42["go"]`); err != nil {
			t.Fatal(err)
		}
		err := wait.For(t, "the outcome on a loop", outcome)
		if err != nil && !errors.Is(err, sio.ErrOverloaded) {
			t.Fatal(err)
		}
		if err != nil {
			refused++
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
}

// TestStreamsTooLarge: an event that Redis would never take is refused where it
// is emitted, and what follows it arrives.
func TestStreamsTooLarge(t *testing.T) {
	r := redistest.Start(t)
	if err := r.Client.ConfigSet(t.Context(), "proto-max-bulk-len", "1mb").Err(); err != nil {
		t.Fatal(err)
	}
	other, own := &hearer{}, &hearer{}
	cfg := redisadapter.StreamsConfig{MaxMessageBytes: 1 << 20}
	linked(t, r.Addr, other, cfg)
	a, s := linked(t, r.Addr, own, cfg)
	for name, err := range map[string]error{
		"a kept event": emitKept(a, own, 0, 1<<20),
		"an event":     a.Broadcast(event(1, 1<<20), adapter.Options{}),
	} {
		if !errors.Is(err, sio.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := emitKept(a, own, 2, 1<<19); err != nil {
		t.Error(err)
	}
	wait.Until(t, "what follows arrives", func() bool { return other.count() == 1 && own.count() == 1 })
	// Readers may see the entry before its writer has the reply to XADD.
	wait.Until(t, "what follows is counted", func() bool { return s.Stats().Queued == 0 })
	if st := s.Stats(); st.TooLarge != 2 || st.Published != 1 || st.Lost != 0 || !st.Connected {
		t.Errorf("%+v", st)
	}

	client := redis.NewClient(&redis.Options{Addr: r.Addr})
	defer client.Close()
	out, err := redisadapter.NewStreamsSender(client, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	m := &cluster.Message{Type: cluster.Broadcast, UID: cluster.EmitterUID, Namespace: "/", Packet: event(3, 1<<20)}
	if err := out.Send(t.Context(), m); !errors.Is(err, sio.ErrTooLarge) {
		t.Error(err)
	}
}
