package sio

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// crowd are clients over TCP that count the broadcasts they get.
type crowd struct {
	t     *testing.T
	srv   *Server
	conns []*eiotest.Conn
	got   chan time.Duration // how long each delivery took
	start time.Time
	sent  atomic.Int64 // of the broadcast under way: nanoseconds since start
	wg    sync.WaitGroup
}

// join connects one client that reads until its connection ends, or not at all.
func (c *crowd) join(reads bool) {
	conn := eiotest.Dial(c.t, c.srv.Addr().String(), webSocket)
	c.conns = append(c.conns, conn)
	conn.Text("40")
	if reads {
		c.wg.Go(func() { c.read(conn) })
	}
}

func (c *crowd) read(conn *eiotest.Conn) {
	for {
		f, err := conn.ReadFrame()
		if err != nil {
			return
		}
		if strings.HasPrefix(string(f.Payload), `42["all"`) {
			c.got <- time.Since(c.start) - time.Duration(c.sent.Load())
		}
	}
}

// broadcasts sends some, one after the other, and returns the time within which
// 99 of 100 deliveries to the reading clients were made.
func (c *crowd) broadcasts(readers int, before func()) (p99 time.Duration) {
	var all []time.Duration
	for range 30 {
		before()
		c.sent.Store(int64(time.Since(c.start)))
		if err := c.srv.Emit("all", strings.Repeat("x", 1000)); err != nil {
			c.t.Fatal(err)
		}
		for range readers {
			d := wait.For(c.t, "a delivery", c.got)
			all = append(all, d)
		}
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}

// TestStalledReader: one client among 1,000 stops reading while it is sent much
// more than it may keep waiting. The others get everything, what waits stays
// within the hard bound, and the client is disconnected.
func TestStalledReader(t *testing.T) {
	const readers, most = 999, 1 << 20
	gone := make(chan Reason, 1)
	srv, err := New(Config{Loops: 2, MaxQueued: most, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	c := &crowd{t: t, srv: srv, start: time.Now(), got: make(chan time.Duration, readers)}
	defer func() {
		srv.Close()
		for _, conn := range c.conns {
			conn.Close()
		}
		c.wg.Wait()
	}()
	joined := make(chan *Socket, readers+1)
	srv.OnConnection(func(s *Socket) { joined <- s })
	for range readers {
		c.join(true)
	}
	for range readers {
		<-joined
	}
	calm := c.broadcasts(readers, func() {})

	c.join(false)
	stalled := <-joined
	stalled.OnDisconnect(func(r Reason) { gone <- r })
	big := strings.Repeat("y", 64<<10)
	queued := 0
	stuck := c.broadcasts(readers, func() {
		for range 8 { // half a megabyte for it alone, each time
			if err := stalled.Emit("big", big); err != nil {
				return // it is disconnected
			}
		}
		done := make(chan int)
		if stalled.client.Loop().Post(task(func() { done <- stalled.client.Queued() })) {
			queued = max(queued, <-done)
		}
	})
	if r := wait.For(t, "the disconnection", gone); r != SlowConsumer {
		t.Errorf("the reason is %q", r)
	}
	if limit := loop.HardBound*most + len(big); queued == 0 || queued > limit {
		t.Errorf("%d bytes waited for it, want at most %d", queued, limit)
	}
	if st := srv.Stats(); st.SlowDisconnects != 1 || st.Clients != readers {
		t.Errorf("%d disconnected, %d clients", st.SlowDisconnects, st.Clients)
	}
	t.Logf("99 of 100 deliveries within %v, with the stalled reader within %v", calm, stuck)
	// Far beyond the noise of a shared machine, far below what waiting for the
	// reader would take.
	if limit := 10 * max(calm, 50*time.Millisecond); stuck > limit {
		t.Errorf("the others had to wait for %v, %v without it", stuck, calm)
	}
}

// task is a function as a task of a loop.
type task func()

func (f task) Run(*loop.Loop) { f() }
