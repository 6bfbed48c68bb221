package redisadapter

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// TestChannelsSlowLink passes messages of 10 MB over 5 MB a second: they take
// as long as silence may, several times over, and no connection is given up.
func TestChannelsSlowLink(t *testing.T) {
	r := redistest.Start(t)
	link, err := redistest.NewLink(r.Addr, 5<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	slow := redis.NewClient(&redis.Options{Addr: link.Addr})
	defer slow.Close()
	a, b := testChannels(t, slow, false), testChannels(t, r.Client, false)
	a.listen(t, "to a")
	b.listen(t, "to b")
	message := func(mark string) string { return mark + strings.Repeat("x", 10<<20) }
	wants := func(x *tested, channel, mark string) {
		t.Helper()
		m := wait.For(t, mark, x.came)
		if !strings.HasPrefix(m, channel+" "+mark) || len(m) < 10<<20 {
			t.Errorf("%.20q comes, of %d bytes", m, len(m))
		}
	}
	for i := range 2 {
		b.send(t, "to a", message(fmt.Sprint("there", i)))
		a.send(t, "to b", message(fmt.Sprint("back", i)))
		wants(a, "to a", fmt.Sprint("there", i))
		wants(b, "to b", fmt.Sprint("back", i))
	}
	a.send(t, "to a", "small")
	a.wants(t, "to a small")
	wait.Until(t, "counted", func() bool { return a.stats().published == 3 && b.stats().published == 2 })
	for _, x := range []*tested{a, b} {
		if s := x.stats(); s.disconnects != 0 || s.lost != 0 {
			t.Errorf("%+v", s)
		}
	}

	// A sender has as much time, and ends with its context all the same.
	out, err := NewPubSubSender(slow, PubSubConfig{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	link.SetSpeed(2 << 20) // 5 seconds
	m := &cluster.Message{Type: cluster.Broadcast, UID: cluster.EmitterUID, Namespace: "/"}
	m.Packet.Event, m.Packet.Args = "e", []any{message("")}
	if err := out.Send(t.Context(), m); err != nil {
		t.Error(err)
	}
}

// TestChannelsTooLarge: a message above the bound is refused where it is
// emitted, and nothing is cut off.
func TestChannelsTooLarge(t *testing.T) {
	r := redistest.Start(t)
	a := testChannels(t, r.Client, false)
	a.listen(t, "x")
	if err := a.publish("x", make([]byte, defaultMaxMessage)); err != nil {
		t.Error(err)
	}
	err := a.publish("x", make([]byte, defaultMaxMessage+1))
	if !errors.Is(err, cluster.ErrTooLarge) || !errors.Is(err, cluster.ErrUnencodable) {
		t.Error(err)
	}
	<-a.came
	a.send(t, "x", "small")
	a.wants(t, "x small")
	if s := a.stats(); s.tooLarge != 1 || s.lost != 0 || s.disconnects != 0 {
		t.Errorf("%+v", s)
	}
	out, err := NewShardedSender(r.Client, ShardedConfig{MaxMessageBytes: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	m := &cluster.Message{Type: cluster.Broadcast, UID: cluster.EmitterUID, Namespace: "/"}
	m.Packet.Event, m.Packet.Args = "e", []any{strings.Repeat("x", 100)}
	if err := out.Send(t.Context(), m); !errors.Is(err, cluster.ErrTooLarge) {
		t.Error(err)
	}
}

// TestClassesApart fills the queue of answers while Redis takes nothing: events
// have room, in number and bytes, and the other way round.
func TestClassesApart(t *testing.T) {
	for _, size := range []int{1, 10_000} {
		for full, other := range map[class]class{answers: events, events: answers} {
			r := redistest.Start(t)
			a := testChannels(t, r.Client, false)
			a.listen(t, "x")
			r.Pause()
			fill := func(class class) (taken int) {
				for a.out.add(class, "x", make([]byte, size)) == nil {
					taken++
				}
				return taken
			}
			want := min(a.cfg.maxQueued, a.cfg.maxQueuedBytes/size)
			if n := fill(full); n != want {
				t.Errorf("%d of class %d were taken, want %d", n, full, want)
			}
			if n := fill(other); n != want {
				t.Errorf("%d of class %d were taken beside the others, want %d", n, other, want)
			}
			if err := a.out.add(events, "x", make([]byte, size)); !errors.Is(err, cluster.ErrOverloaded) {
				t.Error(err)
			}
			r.Resume()
		}
	}
}

// TestChannelsRoom emits more than fits into the queue while Redis is paused.
// Goroutines that may wait do, and no message is lost or overtaken. Others, and
// those that have waited too long, get an error.
func TestChannelsRoom(t *testing.T) {
	r := redistest.Start(t)
	a := testChannels(t, r.Client, false)
	a.listen(t, "x")
	m := &cluster.Message{Type: cluster.Broadcast}
	yes, no := func() bool { return true }, func() bool { return false }
	r.Pause()
	first := a.cfg.maxQueued + 10
	emitted := make(chan error, 1)
	go func() {
		for i := range first {
			if err := a.channels.send(m, "x", fmt.Append(nil, i), yes, nil); err != nil {
				emitted <- err
				return
			}
		}
		emitted <- nil
	}()
	wait.Until(t, "it waits", func() bool {
		a.out.mu.Lock()
		defer a.out.mu.Unlock()
		return a.out.queues[events].waiting != nil
	})
	if err := a.channels.send(m, "x", nil, no, nil); !errors.Is(err, cluster.ErrOverloaded) || !errors.Is(err, ErrQueueFull) {
		t.Error(err)
	}
	r.Resume()
	if err := <-emitted; err != nil {
		t.Fatal(err)
	}
	var all []string
	for i := range first {
		all = append(all, fmt.Sprint("x ", i))
	}
	a.wants(t, all...)
	if s := a.stats(); s.lost != 1 || s.disconnects != 0 {
		t.Errorf("%+v", s)
	}

	a.out.mu.Lock()
	a.out.patience = 10 * time.Millisecond
	a.out.mu.Unlock()
	r.Pause()
	defer r.Resume()
	var err error
	for range first {
		if err = a.channels.send(m, "x", nil, yes, nil); err != nil {
			break
		}
	}
	if !errors.Is(err, cluster.ErrOverloaded) {
		t.Error(err)
	}
	// The end does not wait for those that wait.
	a.out.mu.Lock()
	a.out.patience = time.Hour
	a.out.mu.Unlock()
	go func() { emitted <- a.channels.send(m, "x", nil, yes, nil) }()
	a.out.flush(time.Millisecond)
	if err := <-emitted; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestBatches takes batches from queues that are full: each class is in order
// and gets its share, and no answer comes before an event that was there
// earlier.
func TestBatches(t *testing.T) {
	for _, size := range []int{1, 3000, 2 * publishBytes} {
		c := &channels{cfg: channelsConfig{maxQueued: 10_000, maxQueuedBytes: math.MaxInt, maxMessage: 1 << 30}}
		p := &c.out
		p.c, p.wake, p.drained = c, make(chan struct{}, 1), make(chan struct{})
		payload := make([]byte, size)
		add := func(class class, n int) {
			for range n {
				if err := p.add(class, "x", payload); err != nil {
					t.Fatal(err)
				}
			}
		}
		add(answers, 3000)
		add(events, 100)
		add(answers, 10)
		add(events, 3000)
		var last [classes]uint64
		seen := 0
		for batches := 0; ; batches++ {
			batch := p.take(nil)
			if len(batch) == 0 {
				break
			}
			var got [classes]int
			for _, m := range batch {
				if m.order <= last[m.class] {
					t.Fatalf("size %d: %d comes after %d", size, m.order, last[m.class])
				}
				last[m.class] = m.order
				got[m.class]++
				if m.class == answers && m.order > 3000 && last[events] < min(m.order-1, 3100) {
					t.Fatalf("size %d: an answer comes before an event", size)
				}
			}
			if batches == 0 && (got[events] == 0 || got[answers] == 0 || got[events] < 100 && got[answers] > 2*got[events]+publishCount/2) {
				t.Errorf("size %d: the first batch has %v", size, got)
			}
			if len(batch) > publishCount {
				t.Errorf("size %d: %d messages at once", size, len(batch))
			}
			seen += len(batch)
			p.done(batch, len(batch))
		}
		if seen != 6110 || p.queued() != 0 || p.queues[events].bytes+p.queues[answers].bytes != 0 {
			t.Errorf("size %d: %d have come, %d wait", size, seen, p.queued())
		}
	}
}
