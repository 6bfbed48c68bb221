package eio

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/sioserver/sioserver/loop"
)

// ErrSessionClosed is why [Session.Flush] has waited in vain.
var ErrSessionClosed = errors.New("eio: the session is closed")

// Unsent is how many bytes the peer had not taken when the loop last wrote, or
// held for a GET. What was sent since then is not among them yet. Safe for
// concurrent use.
func (s *Session) Unsent() int { return int(s.shown.Load() &^ onWebSocket) }

// onWebSocket is the bit of Session.shown for the transport.
const onWebSocket = 1 << 31

// publish sets what Unsent and Transport return.
func (s *Session) publish(unsent int) {
	shown := uint32(min(unsent, onWebSocket-1))
	if s.core.webSocket {
		shown |= onWebSocket
	}
	s.shown.Store(shown)
}

// Flush waits until what was sent, or posted to the loop in order to be sent,
// has left: over WebSocket, until the kernel has taken it, or the goroutine that
// writes to a connection which is not the poller's and has at most 128 KiB of it;
// over polling, until it was put into the answer to a GET. It returns nil then,
// [ErrSessionClosed] when the session ends before, or the error of ctx. It must
// not be called on a loop, which it would block. Otherwise it is safe for
// concurrent use. It costs nothing unless it is called.
func (s *Session) Flush(ctx context.Context) error {
	w := &flushWaiter{s: s, done: make(chan error, 1)}
	if !s.home.loop.Post(w) {
		return ErrSessionClosed
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		s.home.loop.PostFunc(func() { s.home.cancelFlush(w) })
		return ctx.Err()
	}
}

// flushWaiter is a call of Flush.
type flushWaiter struct {
	s        *Session
	position int // on the WebSocket; what waits for a GET has none
	done     chan error
}

// Run begins to wait, after what was posted before.
func (w *flushWaiter) Run(*loop.Loop) {
	s, pl := w.s, w.s.home
	switch {
	case s.core.state != StateOpen:
		w.done <- ErrSessionClosed
		return
	case !w.mark():
		w.done <- nil
		return
	}
	if pl.waiters == nil {
		pl.waiters = make(map[*Session][]*flushWaiter)
	}
	pl.waiters[s] = append(pl.waiters[s], w)
}

// mark notes how much has to leave. It reports false when nothing waits.
func (w *flushWaiter) mark() (waits bool) {
	if w.s.core.webSocket {
		w.position, waits = w.s.ws.c.Mark()
		return waits
	}
	return len(w.s.core.queue()) > 0
}

// settle ends the waiting for what has left up to a position.
func (pl *perLoop) flushedTo(s *Session, position int) {
	pl.endFlushes(s, nil, func(w *flushWaiter) bool { return w.position <= position })
}

// abandon ends the waiting for a session that is over.
func (pl *perLoop) failFlushes(s *Session) {
	pl.endFlushes(s, ErrSessionClosed, func(*flushWaiter) bool { return true })
}

// forsake forgets a waiter.
func (pl *perLoop) cancelFlush(w *flushWaiter) {
	pl.endFlushes(w.s, nil, func(other *flushWaiter) bool { return other == w })
}

// release ends the waiting of those for which it is over.
func (pl *perLoop) endFlushes(s *Session, err error, over func(*flushWaiter) bool) {
	rest := slices.DeleteFunc(pl.waiters[s], func(w *flushWaiter) bool {
		if over(w) {
			w.done <- err
			return true
		}
		return false
	})
	if len(rest) == 0 {
		delete(pl.waiters, s)
		return
	}
	pl.waiters[s] = rest
}

// remark gives those who wait their positions on the WebSocket that what waited
// for a GET has moved to.
func (s *Session) markAgain() {
	if s.core.state != StateOpen {
		return
	}
	for _, w := range s.home.waiters[s] {
		if !w.mark() {
			s.home.flushedTo(s, math.MaxInt)
			return
		}
	}
}
