package loop

import (
	"log/slog"
	"testing"
	"time"
)

// clockSink is a sink with a clock that the test sets.
type clockSink struct {
	sink
	now, alarm int64
	full       bool // takes nothing
}

func (s *clockSink) Send(fd int, b []byte) (int, error) {
	if s.full {
		return 0, nil
	}
	return s.sink.Send(fd, b)
}

func (s *clockSink) Sendv(fd int, bufs [][]byte) (int, error) {
	if s.full {
		return 0, nil
	}
	return s.sink.Sendv(fd, bufs)
}

func (s *clockSink) Watch(int, uint32, bool) error { return nil }
func (s *clockSink) Unwatch(int)                   {}

func (s *clockSink) Now() int64        { return s.now }
func (s *clockSink) SetTimer(at int64) { s.alarm = at }

// tide is a loop with connections that come and go.
type tide struct {
	be        *clockSink
	loop      *Loop
	conns     []*Conn
	reclaimed int
}

func newTide() *tide {
	td := &tide{be: &clockSink{now: 1}}
	td.loop = newLoop(0, td.be, td.be, slog.New(slog.DiscardHandler), defaultMaxQueued, defaultMaxQueuedTotal)
	td.loop.shrink.collectSoon = func() { td.reclaimed++ }
	td.loop.bytes.collectSoon = td.loop.shrink.collectSoon
	return td
}

// to brings the number of connections to n.
func (td *tide) to(n int) {
	for len(td.conns) < n {
		td.conns = append(td.conns, openSink(td.loop, len(td.conns)))
	}
	for len(td.conns) > n {
		last := len(td.conns) - 1
		td.loop.lost(td.conns[last], nil)
		td.conns = td.conns[:last]
	}
}

// wait lets time pass; the loop wakes when it has asked to.
func (td *tide) wait(d time.Duration) {
	end := td.be.now + int64(d)
	for at := td.be.alarm; at != 0 && at < end; at = td.be.alarm {
		td.be.now, td.be.alarm = max(at, td.be.now), 0
		tick{}.Run(td.loop)
		td.loop.turn()
	}
	td.be.now = end
	td.loop.turn()
}

func (td *tide) want(t *testing.T, reclaimed int, when string) {
	t.Helper()
	if td.reclaimed != reclaimed {
		t.Fatalf("%s: reclaimed %d times, want %d", when, td.reclaimed, reclaimed)
	}
}

// look is how long the next look takes at most, with the wheel's imprecision.
var look = shrinkInterval + 10*time.Millisecond

// waitLooks lets time pass in which the loop looks n times.
func (td *tide) waitLooks(n int) {
	for range n {
		td.wait(look)
	}
}

func TestEveryEbbReclaims(t *testing.T) {
	td := newTide()
	for wave := range 3 {
		td.to(4 * shrinkPeak)
		td.waitLooks(3)
		td.want(t, wave, "high water")
		td.to(2 * shrinkPeak)
		td.waitLooks(3)
		td.want(t, wave, "half have left")
		td.to(0)
		td.wait(shrinkInterval / 2)
		td.want(t, wave, "too soon")
		td.waitLooks(2)
		td.want(t, wave+1, "low water")
		td.waitLooks(3)
		td.want(t, wave+1, "still low water")
		if n := td.loop.wheel.count; n != 0 {
			t.Fatalf("%d timers are armed", n)
		}
	}
}

func TestEbbWaitsForTheLast(t *testing.T) {
	td := newTide()
	td.to(2 * shrinkPeak)
	td.to(shrinkPeak - 1)
	for n := shrinkPeak - 2; n > 0; n -= shrinkPeak / 4 {
		td.to(n)
		td.wait(look)
		td.want(t, 0, "still leaving")
	}
	td.wait(look)
	td.want(t, 1, "at rest")
}

func TestNoEbb(t *testing.T) {
	td := newTide()
	td.to(shrinkPeak - 1)
	td.to(0)
	td.waitLooks(2)
	td.want(t, 0, "few connections")
	td.to(2 * shrinkPeak)
	td.to(0)
	td.to(shrinkPeak)
	td.waitLooks(2)
	td.want(t, 0, "they came back")
	td.to(0)
	td.waitLooks(2)
	td.want(t, 1, "they left again")
}

// TestEbbDropsSpares pins that a loop does not keep outboxes for a crowd that
// has left.
func TestEbbDropsSpares(t *testing.T) {
	td := newTide()
	td.to(2 * shrinkPeak)
	var taken []*outbox
	for range td.conns {
		taken = append(taken, td.loop.takeOutbox())
	}
	for _, o := range taken {
		td.loop.putOutbox(o)
	}
	if len(td.loop.spare) != len(taken) {
		t.Fatalf("%d spare outboxes, want %d", len(td.loop.spare), len(taken))
	}
	td.to(0)
	td.waitLooks(2)
	if len(td.loop.spare) != 0 {
		t.Errorf("%d spare outboxes are kept", len(td.loop.spare))
	}
}

func TestEbbOfBytesReclaims(t *testing.T) {
	td := newTide()
	for wave := range 3 {
		for range 64 {
			td.loop.Hold(1 << 20)
		}
		td.waitLooks(3)
		td.want(t, wave, "high water")
		td.loop.Hold(-16 << 20)
		td.waitLooks(3)
		td.want(t, wave, "a quarter was let go of")
		for range 48 {
			td.loop.Hold(-1 << 20)
			td.wait(shrinkInterval / 20)
			td.want(t, wave, "still falling")
		}
		td.waitLooks(2)
		td.want(t, wave+1, "low water")
		td.waitLooks(3)
		td.want(t, wave+1, "still low water")
		if n := td.loop.wheel.count; n != 0 {
			t.Fatalf("%d timers are armed", n)
		}
	}
	td.loop.Hold(shrinkBytes - 1)
	td.loop.Hold(1 - shrinkBytes)
	td.waitLooks(3)
	td.want(t, 3, "few bytes")
}

// TestUnreadOutboxesAreHeld: what waits for peers that don't read counts, until
// they read it or are gone.
func TestUnreadOutboxesAreHeld(t *testing.T) {
	td := newTide()
	td.to(1)
	c := td.conns[0]
	send := func(size int) {
		f := NewFrame()
		f.B = append(f.B, make([]byte, size)...)
		c.Send(f)
		td.loop.turn()
	}
	td.be.full = true
	send(1000)
	send(500)
	if n := td.loop.bytes.n; n != 1500+2*frameCost {
		t.Fatalf("%d bytes are held, want 1500 and two frames", n)
	}
	td.be.full = false
	writable(c.out.notice).Run(td.loop)
	td.loop.turn()
	if n := td.loop.bytes.n; n != 0 || c.Queued() != 0 {
		t.Fatalf("%d bytes are held, %d queued, after the peer has read", n, c.Queued())
	}
	td.be.full = true
	send(1000)
	td.to(0)
	if n := td.loop.bytes.n; n != 0 {
		t.Errorf("%d bytes are held after the peer has gone", n)
	}
}
