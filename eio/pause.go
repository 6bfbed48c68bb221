package eio

import "time"

// Pause stops taking messages from the peer until Resume, because the upper
// layer has enough of them. A WebSocket is not read, the answer to a POST
// waits, and TCP slows the peer down. No message is lost, and none is delivered
// meanwhile; those of the current read wait in memory. Sending continues,
// heartbeats included, and the peer's silence does not end the session. A peer
// that is gone is detected when two heartbeats in a row find it so.
func (s *Session) Pause() { s.pause(forUpper) }

// pauseReason is a set of reasons why a session is paused.
type pauseReason uint8

const (
	forUpper  pauseReason = 1 << iota // Pause was called
	forRoom                           // there is no room for what the session is receiving
	forPost                           // there is no room for its POST
	forOthers                         // it was read enough for now: see yield
	forPace                           // PausePaced was called
)

func (s *Session) pause(why pauseReason) {
	if s.core.state != StateOpen {
		return
	}
	s.pauses |= why
	if s.core.paused {
		return
	}
	s.core.pause(s.home.srv.timing, s.now())
	if s.core.wireFormat.v3 {
		s.rearm()
	}
	if s.ws != nil {
		s.ws.c.Pause(nil)
	}
}

// Resume continues with what has waited during a pause. It must not be called
// by [Upper.Message].
func (s *Session) Resume() { s.resume(forUpper) }

func (s *Session) resume(why pauseReason) {
	if s.pauses &^= why; s.pauses != 0 || !s.core.paused {
		return
	}
	s.core.resume(s.home.srv.timing, s.now())
	s.proceed()
	s.rearm()
}

// PausePaced is Pause for a second reason that the upper layer may have: the
// peer sends more often than it may. The session goes on when neither holds.
func (s *Session) PausePaced() { s.pause(forPace) }

// ResumePaced takes PausePaced back. It must not be called by [Upper.Message].
func (s *Session) ResumePaced() { s.resume(forPace) }

// Paused reports whether Pause was called without a Resume since.
func (s *Session) Paused() bool { return s.pauses&forUpper != 0 }

// proceed handles what has waited, in the order in which it was sent, until the
// session is paused again.
func (s *Session) proceed() {
	if side := s.polling; side != nil && side.left != nil {
		s.proceedPost()
	}
	if !s.waits() && s.ws != nil {
		s.ws.c.Resume()
	}
	if !s.waits() && s.polling != nil && s.polling.probe != nil {
		s.polling.probe.c.Resume()
	}
}

// waits reports whether messages of a WebSocket have to wait.
func (s *Session) waits() bool {
	return s.core.paused || s.polling != nil && s.polling.left != nil
}

// proceedPost handles what is left of a POST's body, and answers the POST at
// its end.
func (s *Session) proceedPost() {
	side := s.polling
	f := side.left
	side.left = nil
	finished := false
	defer side.post.closeUnless(&finished)
	left, done := s.core.posted(s, s.home.srv.timing, s.now(), f.B[f.Start:], side.octets)
	if done {
		f.Release()
		s.acceptPost()
	} else {
		f.Start = len(f.B) - len(left)
		side.left = f
		s.yield()
	}
	if s.counted {
		s.account()
	}
	finished = true
}

// acceptPost answers the current POST, unless it is gone.
func (s *Session) acceptPost() {
	if h := s.polling.post; h != nil {
		s.polling.post = nil
		h.acceptPost()
	}
}

// dropLeft answers the POST of a session that ended before all of it was
// handled.
func (s *Session) dropLeft() {
	if side := s.polling; side != nil && side.left != nil {
		side.left.Release()
		side.left = nil
		s.acceptPost()
	}
}

// unreachable implements effects. Over polling a peer that is there fetches its
// heartbeats.
func (s *Session) unreachable(patience time.Duration) bool {
	if s.core.webSocket {
		return s.ws.c.Unreachable(patience)
	}
	return !s.core.poll && len(s.core.queue()) > 0
}
