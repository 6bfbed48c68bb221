package eio

import (
	"math"

	"github.com/sioserver/sioserver/loop"
)

// Admit records that the upper layer knows the peer. When Config.MaxReceiving
// is reached, unfinished messages of other peers are dropped first.
func (s *Session) Admit() { s.known = true }

// SetHeld sets how many bytes the upper layer holds of messages that belong to
// an incomplete whole. They count for Config.MaxReceiving as an unfinished
// message does, so the session may be paused for them.
func (s *Session) SetHeld(n int) {
	if n == 0 && s.upperHeld == 0 || s.core.state == StateClosed {
		return
	}
	s.upperHeld = uint32(min(n, maxUpperHeld))
	s.account()
}

// maxUpperHeld is the largest value of upperHeld, which fits in an int too.
const maxUpperHeld = min(math.MaxUint32, math.MaxInt)

// account counts what the session holds of unfinished messages.
func (s *Session) account() {
	n := int(s.upperHeld)
	if s.ws != nil {
		n += s.ws.reader.Held()
	}
	if s.polling != nil && s.polling.left != nil {
		n += cap(s.polling.left.B)
	}
	if n < minHeld && !s.counted {
		return
	}
	s.counted = n >= minHeld
	s.home.receiving.set(s, n)
}

// unaccount ends the count, with the session.
func (s *Session) unaccount() {
	if s.counted {
		s.counted = false
		s.home.receiving.set(s, 0)
	}
}

func (s *Session) stall() { s.pause(forRoom) }

func (s *Session) unstall() { s.resume(forRoom) }

func (s *Session) admitted() bool { return s.known }

func (s *Session) delayed() bool {
	return s.core.state == StateOpen && s.pauses&(forUpper|forPace) != 0
}

func (s *Session) futile() bool { return s.delayed() }

// partway reports whether the upper layer awaits the rest of what it holds.
func (s *Session) partway() bool { return s.upperHeld > 0 }

func (s *Session) giveUp() { s.core.end(s, TransportError, ErrReceiving) }

// copyToFrame returns a frame with a copy of b that is to be held for long, so
// in a buffer that is not much larger than b.
func copyToFrame(b []byte) *loop.Frame {
	f := loop.NewReceivedFrame()
	f.B = append(f.B, b...)
	if cap(f.B) >= minHeld {
		f.Compact()
	}
	return f
}

// account counts what the connection holds of requests that are not complete,
// or that wait.
func (h *httpConn) account() {
	n := 0
	if h.phase == httpGone {
		if h.counted {
			h.counted = false
			h.home.receiving.set(h, 0)
		}
		return
	}
	for _, f := range []*loop.Frame{h.in, h.body} {
		if f != nil {
			n += cap(f.B)
		}
	}
	if call, ok := h.exchange.(*forwardCall); ok {
		n += cap(call.sent)
	}
	if n < minHeld && !h.counted {
		return
	}
	h.counted = n >= minHeld
	h.home.receiving.set(h, n)
}

// poster returns the session whose POST is being received; nil for none.
func (h *httpConn) poster() *Session {
	if x, ok := h.exchange.(*postExchange); ok {
		return (*Session)(x)
	}
	return nil
}

// session returns the session whose request is being received, or is suspended;
// nil for none.
func (h *httpConn) session() *Session {
	if g, ok := h.exchange.(*suspendedRequest); ok {
		return g.session
	}
	return h.poster()
}

func (h *httpConn) stall() {
	h.home.loop.Cancel(&h.timer) // the server makes the peer wait
	h.c.Pause(nil)
	if s := h.poster(); s != nil {
		s.pause(forPost)
	}
}

func (h *httpConn) unstall() {
	if _, waits := h.exchange.(*foreignCall); waits {
		return
	}
	if s := h.poster(); s != nil {
		s.resume(forPost)
	}
	if h.phase == httpReading || h.phase == httpIdle && h.in != nil {
		h.home.loop.Arm(&h.timer, h.home.srv.cfg.RequestTimeout)
	}
	h.c.Resume()
}

func (h *httpConn) admitted() bool {
	s := h.session()
	return s != nil && s.known
}

// delayed is false while the body is read, because the peer has to finish it. A
// suspended request that is complete waits for the application.
func (h *httpConn) delayed() bool {
	if g, ok := h.exchange.(*suspendedRequest); ok && g.length >= 0 && int64(len(h.pending())) >= g.length {
		return true
	}
	return h.futile() && h.c.Paused()
}

// futile is true for a suspended request: it stays, complete or not, until the
// application has looked at it.
func (h *httpConn) futile() bool {
	if _, ok := h.exchange.(*suspendedRequest); ok {
		return true
	}
	s := h.session()
	return s != nil && s.delayed()
}

func (h *httpConn) partway() bool { return false }

func (h *httpConn) giveUp() {
	x, s := h.exchange, h.poster()
	h.last = true
	h.respond(503, "", nil)
	switch {
	case s != nil && s.detachPost(h):
		s.core.post = false
		s.core.end(s, TransportError, ErrReceiving)
	case x != nil:
		x.aborted(h)
	}
	h.shed()
}

// shed drops what has arrived for a request that is not served.
func (h *httpConn) shed() {
	h.drop(&h.body)
	if !h.consumes {
		h.drop(&h.in)
	}
	h.account()
}
