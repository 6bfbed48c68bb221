package redisadapter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// logged is a log that tests look into. Safe for concurrent use.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// count is how often text was logged.
func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// tested is channels with a log and the received messages.
type tested struct {
	*channels
	receiver
	log  logged
	came chan string // channel, a space, and the payload
}

func testChannels(t testing.TB, client redis.UniversalClient, sharded bool) *tested {
	t.Helper()
	x := &tested{came: make(chan string, 100_000)}
	x.receive = func(channel string, payload []byte) { x.came <- channel + " " + string(payload) }
	client = ownClient(client)
	x.channels = newChannels(client, channelsConfig{
		sharded: sharded, maxQueued: 1000, maxQueuedBytes: 1 << 20, pingTime: 500 * time.Millisecond, logger: x.log.logger(),
	})
	t.Cleanup(func() {
		x.close()
		client.Close()
	})
	return x
}

// listen subscribes and waits until that is known.
func (x *tested) listen(t testing.TB, names ...string) {
	t.Helper()
	x.subscribe(&x.receiver, names...)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := x.awaitSubscribed(ctx, names...); err != nil {
		t.Fatal(err)
	}
}

func (x *tested) send(t testing.TB, channel, payload string) {
	t.Helper()
	if err := x.publish(channel, []byte(payload)); err != nil {
		t.Fatal(err)
	}
}

func (x *tested) wants(t testing.TB, list ...string) {
	t.Helper()
	for _, want := range list {
		got := wait.For(t, want, x.came)
		if got != want {
			t.Fatalf("received %q, want %q", got, want)
		}
	}
}

func TestChannels(t *testing.T) {
	r := redistest.Start(t)
	for _, sharded := range []bool{false, true} {
		t.Run(fmt.Sprint("sharded ", sharded), func(t *testing.T) {
			a, b := testChannels(t, r.Client, sharded), testChannels(t, r.Client, sharded)
			if a.stats().connected {
				t.Error("connected without a subscription")
			}
			a.listen(t, "x", "y")
			b.listen(t, "x")
			if n, err := a.count(t.Context(), "x"); n != 2 || err != nil {
				t.Errorf("count is %d, %v", n, err)
			}
			if n, err := a.count(t.Context(), "z"); n != 0 || err != nil {
				t.Errorf("count of a channel without subscribers is %d, %v", n, err)
			}
			var all []string
			for i := range 2000 { // more than at once
				wait.Until(t, "there is room", func() bool { return a.stats().queued < a.cfg.maxQueued })
				a.send(t, "x", fmt.Sprint(i))
				all = append(all, fmt.Sprint("x ", i))
			}
			a.wants(t, all...)
			b.wants(t, all...)

			// Subscribing back and forth ends as it was said last.
			for range 100 {
				b.unsubscribe(&b.receiver, "x")
				b.subscribe(&b.receiver, "x", "y")
				b.unsubscribe(&b.receiver, "y", "nothing")
			}
			b.listen(t, "x")
			wait.Until(t, "only x", func() bool { return b.stats().topics == 1 })
			a.send(t, "y", "1")
			a.send(t, "x", "2")
			a.wants(t, "y 1", "x 2")
			b.wants(t, "x 2")

			// Two receivers of one channel, and bytes that are each one's own.
			changed := make(chan struct{})
			other := &receiver{func(_ string, payload []byte) { payload[0] = '!'; close(changed) }}
			b.channels.subscribe(other, "x")
			a.send(t, "x", "3")
			a.wants(t, "x 3")
			b.wants(t, "x 3")
			<-changed
			b.unsubscribe(other, "x")
			a.send(t, "x", "4")
			b.wants(t, "x 4")

			wait.Until(t, "counted", func() bool { return a.stats().published == 2004 })
			if s := a.stats(); !s.connected || s.lost != 0 || s.disconnects != 0 {
				t.Errorf("%+v", s)
			}
			if n := a.log.count("level"); n != 0 {
				t.Errorf("%d lines were logged", n)
			}
		})
	}
}

func TestChannelsPatterns(t *testing.T) {
	r := redistest.Start(t)
	a := testChannels(t, r.Client, false)
	a.psubscribe(&a.receiver, "x*")
	a.listen(t, "x")
	wait.Until(t, "subscribed to the pattern", func() bool { return r.Client.PubSubNumPat(t.Context()).Val() == 1 })
	a.send(t, "xy", "1")
	a.wants(t, "xy 1")
	a.send(t, "x", "2")
	a.wants(t, "x 2", "x 2")
	a.punsubscribe(&a.receiver, "x*")
	wait.Until(t, "only x", func() bool { return a.stats().topics == 1 })
	a.send(t, "xy", "3")
	a.send(t, "x", "4")
	a.wants(t, "x 4")
}

// TestChannelsMany subscribes to as many channels as there may be rooms, and
// again after the connection was cut.
func TestChannelsMany(t *testing.T) {
	r := redistest.Start(t)
	a := testChannels(t, r.Client, true)
	const rooms = 20_000
	for i := range rooms {
		a.subscribe(&a.receiver, fmt.Sprint("room", i))
	}
	a.listen(t, fmt.Sprint("room", rooms-1))
	for i := range rooms / 2 {
		a.unsubscribe(&a.receiver, fmt.Sprint("room", i))
	}
	r.CutClients()
	wait.Until(t, "a cut", func() bool { return a.stats().disconnects == 1 })
	wait.Until(t, "connected again", func() bool { return a.stats().connected })
	list, err := r.Client.PubSubShardChannels(t.Context(), "*").Result()
	if err != nil || len(list) != rooms/2 {
		t.Errorf("Redis knows of %d channels, %v", len(list), err)
	}
	if n := a.stats().topics; n != rooms/2 {
		t.Errorf("%d topics", n)
	}
	a.send(t, fmt.Sprint("room", rooms-1), "x")
	a.wants(t, fmt.Sprintf("room%d x", rooms-1))
	if lost, back := a.log.count("are lost"), a.log.count("is back"); lost != 1 || back != 1 {
		t.Errorf("logged: lost %d times, back %d times", lost, back)
	}
}

// TestChannelsAway breaks Redis in each way. What is published meanwhile is
// lost without waiting, and counted; then all goes on.
func TestChannelsAway(t *testing.T) {
	for name, tc := range map[string]struct{ away, back func(r *redistest.Server) }{
		"killed": {(*redistest.Server).Kill, (*redistest.Server).Start},
		"paused": {(*redistest.Server).Pause, (*redistest.Server).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			a := testChannels(t, r.Client, false)
			a.listen(t, "x")
			a.send(t, "x", "before")
			a.wants(t, "x before")
			tc.away(r)
			published, refused := 1, 0
			var err error
			wait.Until(t, "publish fails", func() bool {
				begun := time.Now()
				err = a.publish("x", make([]byte, 1000))
				if d := time.Since(begun); d > time.Second {
					t.Errorf("publish took %v", d)
				}
				published++
				if err != nil {
					refused++
				}
				if q := a.stats().queued; q > a.cfg.maxQueued {
					t.Fatalf("%d wait for Redis", q)
				}
				return errors.Is(err, ErrAway)
			})
			if _, err := a.count(t.Context(), "x"); err == nil {
				t.Error("counted without Redis")
			}
			wait.Until(t, "lost", func() bool { return !a.stats().connected })
			if s := a.stats(); s.queued != 0 || s.lost != uint64(published-1) || s.published != 1 {
				t.Errorf("%+v after %d were published and %d refused", s, published, refused)
			}
			tc.back(r)
			wait.Until(t, "back", func() bool { return a.stats().connected })
			// What was sent to a Redis that was paused may come.
			a.send(t, "x", "after")
			for came := ""; came != "x after"; {
				came = wait.For(t, "a message", a.came)
			}
			wait.Until(t, "counted", func() bool { return a.stats().published == 2 })
			if s := a.stats(); s.disconnects != 1 {
				t.Errorf("%+v", s)
			}
			if lost, back := a.log.count("are lost"), a.log.count("is back"); lost != 1 || back != 1 {
				t.Errorf("logged: lost %d times, back %d times", lost, back)
			}
		})
	}
}

// TestChannelsQueue fills the queue while Redis takes nothing, by number and by
// bytes.
func TestChannelsQueue(t *testing.T) {
	for _, size := range []int{1, 10_000, 2 << 20} {
		t.Run(fmt.Sprint(size, " bytes"), func(t *testing.T) {
			r := redistest.Start(t)
			a := testChannels(t, r.Client, false)
			a.listen(t, "x")
			r.Pause()
			defer r.Resume()
			taken := 0
			for ; taken < 2000; taken++ {
				if err := a.publish("x", make([]byte, size)); err != nil {
					if !errors.Is(err, ErrQueueFull) {
						t.Error(err)
					}
					break
				}
			}
			if want := max(1, min(a.cfg.maxQueued, a.cfg.maxQueuedBytes/size)); taken != want {
				t.Errorf("%d were taken, want %d", taken, want)
			}
			if s := a.stats(); s.lost != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestChannelsRefused publishes what the user may not: that is no reason to
// give the connection up.
func TestChannelsRefused(t *testing.T) {
	r := redistest.Start(t)
	if err := r.Client.Do(t.Context(), "ACL", "SETUSER", "u", "on", ">p", "+@all", "resetchannels", "&x").Err(); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: r.Addr, Username: "u", Password: "p"})
	defer client.Close()
	a := testChannels(t, client, false)
	a.listen(t, "x")
	a.send(t, "y", "1")
	a.send(t, "x", "2")
	a.wants(t, "x 2")
	a.send(t, "y", "3")
	wait.Until(t, "counted", func() bool { return a.stats().lost == 2 })
	if s := a.stats(); s.published != 1 || !s.connected {
		t.Errorf("%+v", s)
	}
	if n := a.log.count("Redis refuses a message"); n != 1 {
		t.Errorf("refusals were logged %d times", n)
	}
}

// TestChannelsLockedOut has a user that Redis does not know. Nothing is
// published, and not every message causes a new attempt.
func TestChannelsLockedOut(t *testing.T) {
	r := redistest.Start(t)
	client := redis.NewClient(&redis.Options{Addr: r.Addr, Username: "u", Password: "p"})
	defer client.Close()
	for _, sharded := range []bool{false, true} {
		a := testChannels(t, client, sharded)
		sent := uint64(0)
		wait.Until(t, "it is away", func() bool {
			sent++
			return errors.Is(a.publish("x", nil), ErrAway)
		})
		wait.Until(t, "all is counted", func() bool { return a.stats().lost == sent })
		if s := a.stats(); s.published != 0 || s.disconnects != 1 {
			t.Errorf("%+v", s)
		}
		wait.Until(t, "the log tells why", func() bool { return a.log.count("WRONGPASS") == 1 })
	}
}

// TestChannelsSlow has a receiver that takes longer than silence may.
func TestChannelsSlow(t *testing.T) {
	r := redistest.Start(t)
	a := testChannels(t, r.Client, false)
	var n atomic.Int32
	slow := &receiver{func(string, []byte) {
		if n.Add(1) == 1 {
			time.Sleep(5 * a.cfg.pingTime)
		}
	}}
	a.channels.subscribe(slow, "x")
	a.listen(t, "x")
	a.send(t, "x", "1")
	a.send(t, "x", "2")
	wait.Until(t, "both", func() bool { return n.Load() == 2 })
	if s := a.stats(); s.disconnects != 0 {
		t.Errorf("%+v", s)
	}
}

// TestChannelsClose: close sends queued messages and refuses further ones.
func TestChannelsClose(t *testing.T) {
	r := redistest.Start(t)
	a, b := testChannels(t, r.Client, false), testChannels(t, r.Client, false)
	b.listen(t, "x")
	r.Pause()
	a.send(t, "x", "1")
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		a.out.flush(time.Hour) // as close does, but for a second
	}()
	wait.Until(t, "nothing more is taken", func() bool { return errors.Is(a.publish("x", nil), ErrClosed) })
	select {
	case <-flushed:
		t.Error("what Redis has not taken is not waited for")
	default:
	}
	r.Resume()
	wait.For(t, "the end of flush", flushed)
	a.out.flush(time.Hour)
	a.close()
	b.wants(t, "x 1")
	if err := a.publish("x", nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := a.awaitSubscribed(t.Context(), "x"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
