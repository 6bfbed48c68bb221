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

// population is a loop whose connections the test adds and removes.
type population struct {
	be          *clockSink
	loop        *Loop
	conns       []*Conn
	collections int
}

func newPopulation() *population {
	p := &population{be: &clockSink{now: 1}}
	p.loop = newLoop(0, p.be, p.be, slog.New(slog.DiscardHandler), defaultMaxQueued, defaultMaxQueuedTotal)
	p.loop.shrink.collectSoon = func() { p.collections++ }
	p.loop.bytes.collectSoon = p.loop.shrink.collectSoon
	return p
}

// setSize brings the number of connections to n.
func (p *population) setSize(n int) {
	for len(p.conns) < n {
		p.conns = append(p.conns, openSink(p.loop, len(p.conns)))
	}
	for len(p.conns) > n {
		last := len(p.conns) - 1
		p.loop.lost(p.conns[last], nil)
		p.conns = p.conns[:last]
	}
}

// wait lets time pass; the loop wakes when it has asked to.
func (p *population) wait(d time.Duration) {
	end := p.be.now + int64(d)
	for at := p.be.alarm; at != 0 && at < end; at = p.be.alarm {
		p.be.now, p.be.alarm = max(at, p.be.now), 0
		tick{}.Run(p.loop)
		p.loop.turn()
	}
	p.be.now = end
	p.loop.turn()
}

func (p *population) want(t *testing.T, collections int, when string) {
	t.Helper()
	if p.collections != collections {
		t.Fatalf("%s: collected %d times, want %d", when, p.collections, collections)
	}
}

// checkTime is how long the next check takes at most: timers may be late.
var checkTime = shrinkInterval + 10*time.Millisecond

// waitChecks lets time pass in which the loop checks n times.
func (p *population) waitChecks(n int) {
	for range n {
		p.wait(checkTime)
	}
}

func TestEachShrinkCollects(t *testing.T) {
	p := newPopulation()
	for wave := range 3 {
		p.setSize(4 * shrinkPeak)
		p.waitChecks(3)
		p.want(t, wave, "at the peak")
		p.setSize(2 * shrinkPeak)
		p.waitChecks(3)
		p.want(t, wave, "half have left")
		p.setSize(0)
		p.wait(shrinkInterval / 2)
		p.want(t, wave, "too soon")
		p.waitChecks(2)
		p.want(t, wave+1, "most have left")
		p.waitChecks(3)
		p.want(t, wave+1, "still few")
		if n := p.loop.wheel.count; n != 0 {
			t.Fatalf("%d timers are armed", n)
		}
	}
}

func TestShrinkWaitsForTheLast(t *testing.T) {
	p := newPopulation()
	p.setSize(2 * shrinkPeak)
	p.setSize(shrinkPeak - 1)
	for n := shrinkPeak - 2; n > 0; n -= shrinkPeak / 4 {
		p.setSize(n)
		p.wait(checkTime)
		p.want(t, 0, "still leaving")
	}
	p.wait(checkTime)
	p.want(t, 1, "at rest")
}

func TestNoShrink(t *testing.T) {
	p := newPopulation()
	p.setSize(shrinkPeak - 1)
	p.setSize(0)
	p.waitChecks(2)
	p.want(t, 0, "few connections")
	p.setSize(2 * shrinkPeak)
	p.setSize(0)
	p.setSize(shrinkPeak)
	p.waitChecks(2)
	p.want(t, 0, "they came back")
	p.setSize(0)
	p.waitChecks(2)
	p.want(t, 1, "they left again")
}

// TestShrinkDropsSpares: a loop does not keep outboxes for connections that
// have left.
func TestShrinkDropsSpares(t *testing.T) {
	p := newPopulation()
	p.setSize(2 * shrinkPeak)
	var taken []*outbox
	for range p.conns {
		taken = append(taken, p.loop.takeOutbox())
	}
	for _, o := range taken {
		p.loop.putOutbox(o)
	}
	if len(p.loop.spare) != len(taken) {
		t.Fatalf("%d spare outboxes, want %d", len(p.loop.spare), len(taken))
	}
	p.setSize(0)
	p.waitChecks(2)
	if len(p.loop.spare) != 0 {
		t.Errorf("%d spare outboxes are kept", len(p.loop.spare))
	}
}

func TestShrinkOfBytesCollects(t *testing.T) {
	p := newPopulation()
	for wave := range 3 {
		for range 64 {
			p.loop.Hold(1 << 20)
		}
		p.waitChecks(3)
		p.want(t, wave, "at the peak")
		p.loop.Hold(-16 << 20)
		p.waitChecks(3)
		p.want(t, wave, "a quarter is released")
		for range 48 {
			p.loop.Hold(-1 << 20)
			p.wait(shrinkInterval / 20)
			p.want(t, wave, "still falling")
		}
		p.waitChecks(2)
		p.want(t, wave+1, "most have left")
		p.waitChecks(3)
		p.want(t, wave+1, "still few")
		if n := p.loop.wheel.count; n != 0 {
			t.Fatalf("%d timers are armed", n)
		}
	}
	p.loop.Hold(shrinkBytes - 1)
	p.loop.Hold(1 - shrinkBytes)
	p.waitChecks(3)
	p.want(t, 3, "few bytes")
}

// TestUnreadOutboxesAreHeld: what waits for peers that don't read counts, until
// they read it or are gone.
func TestUnreadOutboxesAreHeld(t *testing.T) {
	p := newPopulation()
	p.setSize(1)
	c := p.conns[0]
	send := func(size int) {
		f := NewFrame()
		f.B = append(f.B, make([]byte, size)...)
		c.Send(f)
		p.loop.turn()
	}
	p.be.full = true
	send(1000)
	send(500)
	if n := p.loop.bytes.n; n != 1500+2*frameCost {
		t.Fatalf("%d bytes are held, want 1500 and two frames", n)
	}
	p.be.full = false
	writable(c.out.notice).Run(p.loop)
	p.loop.turn()
	if n := p.loop.bytes.n; n != 0 || c.Queued() != 0 {
		t.Fatalf("%d bytes are held, %d queued, after the peer has read", n, c.Queued())
	}
	p.be.full = true
	send(1000)
	p.setSize(0)
	if n := p.loop.bytes.n; n != 0 {
		t.Errorf("%d bytes are held after the peer has gone", n)
	}
}
