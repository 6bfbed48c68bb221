package eio

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/sioserver/sioserver/loop"
)

// ErrSessionClosed is the error of [Session.Flush] when the session ends first.
var ErrSessionClosed = errors.New("eio: the session is closed")

// Unsent returns how many bytes the peer had not taken when the loop last
// wrote, or were waiting for a GET. It does not have what was sent since. Safe
// for concurrent use.
func (s *Session) Unsent() int { return int(s.shown.Load() &^ onWebSocket) }

// onWebSocket is the bit of Session.shown for the transport.
const onWebSocket = 1 << 31

// publish sets the results of Unsent and Transport.
func (s *Session) publish(unsent int) {
	shown := uint32(min(unsent, onWebSocket-1))
	if s.core.webSocket {
		shown |= onWebSocket
	}
	s.shown.Store(shown)
}

// Flush waits until everything that was sent, or posted to the loop to be sent,
// has left. Over WebSocket that is when the kernel has it, or the goroutine
// that writes to a connection which the poller does not have, of which at most
// 128 KiB may then be unwritten. Over polling it is when the answer to a GET
// has it. Flush then returns nil; it returns [ErrSessionClosed] when the
// session ends first, or the error of ctx. It blocks, so it must not be called
// on a loop. Otherwise it is safe for concurrent use. It costs nothing unless
// it is called.
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
	position int // on the WebSocket; unused for what waits for a GET
	done     chan error
}

// Run begins to wait, behind what was posted before.
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

// mark sets the position up to which everything must leave. It reports whether
// anything waits.
func (w *flushWaiter) mark() (waits bool) {
	if w.s.core.webSocket {
		w.position, waits = w.s.ws.c.Mark()
		return waits
	}
	return len(w.s.core.queue()) > 0
}

// flushedTo ends the calls that wait for what has left up to position.
func (pl *perLoop) flushedTo(s *Session, position int) {
	pl.endFlushes(s, nil, func(w *flushWaiter) bool { return w.position <= position })
}

// failFlushes ends the calls that wait for a session which is over.
func (pl *perLoop) failFlushes(s *Session) {
	pl.endFlushes(s, ErrSessionClosed, func(*flushWaiter) bool { return true })
}

// cancelFlush forgets a call that has returned.
func (pl *perLoop) cancelFlush(w *flushWaiter) {
	pl.endFlushes(w.s, nil, func(other *flushWaiter) bool { return other == w })
}

// endFlushes ends those calls for s for which over reports true.
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

// markAgain gives waiting calls their positions on the WebSocket, to which the
// queue of the GET has moved.
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
