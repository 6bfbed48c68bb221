package eio

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/loop"
)

const (
	// dismissPause is the least time between two turns of a loop: sessions that
	// are due in between leave together.
	dismissPause = 10 * time.Millisecond
	// dismissSlack is how late a loop may be without taking longer.
	dismissSlack = 50 * time.Millisecond
)

// Dismiss calls leave for each session, on its loop, in random order and at
// random times that are spread evenly over the given time. leave ends the
// session, now or later. A session that ends before its turn is left out. A
// loop that is late does not catch up, it takes longer: so of n sessions on a
// loop no more than n*(t+50ms)/over, and two, have their turn within any time
// t.
//
// Dismiss returns when leave has been called for all sessions, or when ctx ends,
// with its error; then leave is not called any more. Refuse must be called
// before, and Dismiss not twice, and not on a loop.
func (srv *Server) Dismiss(ctx context.Context, over time.Duration, leave func(*Session)) error {
	all := &dismissals{leave: leave, called: make(chan struct{})}
	all.left.Store(1)
	for i := range srv.perLoops {
		if pl := srv.perLoops[i].Load(); pl != nil {
			all.left.Add(1)
			d := &dismissal{dismissals: all, pl: pl}
			if !pl.loop.PostFunc(func() { d.start(over) }) {
				all.done()
			}
		}
	}
	all.done()
	select {
	case <-all.called:
		return nil
	case <-ctx.Done():
		all.stopped.Store(true)
		return ctx.Err()
	}
}

// dismissals are those of all loops. Safe for concurrent use.
type dismissals struct {
	leave   func(*Session)
	stopped atomic.Bool
	left    atomic.Int32
	called  chan struct{} // closed when none is left
}

func (all *dismissals) done() {
	if all.left.Add(-1) == 0 {
		close(all.called)
	}
}

// dismissal is the part of one loop. Loop-owned.
type dismissal struct {
	*dismissals
	pl       *perLoop
	timer    loop.Timer
	sessions []*Session    // that have not had their turn
	share    time.Duration // of the time for each session
	begin    time.Duration // when the next one's share begins
	next     time.Duration // its turn
}

// start lists the sessions and gives the first ones their turn.
func (d *dismissal) start(over time.Duration) {
	for _, s := range d.pl.slots {
		if s != nil {
			d.sessions = append(d.sessions, s)
		}
	}
	d.share = over / time.Duration(max(len(d.sessions), 1))
	d.begin = d.now()
	d.draw()
	d.timer.Init(d)
	d.Expired(nil)
}

func (d *dismissal) now() time.Duration { return time.Duration(d.pl.loop.Now()) }

// random returns a number below n.
func random(n int64) int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return int64(binary.NativeEndian.Uint64(b[:]) % uint64(n))
}

// draw draws the next turn within its share of the time.
func (d *dismissal) draw() { d.next = d.begin + time.Duration(random(int64(d.share)+1)) }

// take takes a session out of the list.
func (d *dismissal) take() *Session {
	i, last := random(int64(len(d.sessions))), len(d.sessions)-1
	s := d.sessions[i]
	d.sessions[i], d.sessions[last] = d.sessions[last], nil
	d.sessions = d.sessions[:last]
	return s
}

// Expired gives the sessions that are due their turn.
func (d *dismissal) Expired(*loop.Timer) {
	now := d.now()
	if late := now - d.next - dismissSlack; late > 0 {
		d.begin += late
		d.next += late
	}
	finished := false
	defer func() {
		if !finished { // Upper.Closed has panicked, for example: continue with the others
			d.pl.loop.Arm(&d.timer, dismissPause)
		}
	}()
	for len(d.sessions) > 0 && d.next <= now && !d.stopped.Load() {
		s := d.take()
		d.begin += d.share
		d.draw()
		if s.State() == StateOpen {
			d.leave(s)
		}
	}
	finished = true
	if len(d.sessions) == 0 || d.stopped.Load() {
		d.done()
		return
	}
	d.pl.loop.Arm(&d.timer, max(d.next-now, dismissPause))
}
