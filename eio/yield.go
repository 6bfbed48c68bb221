package eio

import (
	"time"

	"github.com/sioserver/sioserver/loop"
)

// yieldTime is how long the other connections of a loop are read at least before a
// session that was read enough goes on. What is posted runs before any of them.
const yieldTime = time.Millisecond

// yielding are the sessions of a loop that let others go on. Loop-owned.
type yielding struct {
	sessions []*Session
	timer    loop.Timer
}

// Expired has the one go on that waits longest.
func (y *yielding) Expired(*loop.Timer) {
	s := y.sessions[0]
	if y.sessions = y.sessions[1:]; len(y.sessions) == 0 {
		y.sessions = nil
	} else {
		s.home.loop.Arm(&y.timer, yieldTime)
	}
	s.resume(forOthers)
}

// yield lets the others of the loop go on before what is left of a read, or of a
// POST. A session that is paused goes on later anyway.
func (s *Session) yield() {
	if s.core.paused {
		return
	}
	s.pause(forOthers)
	y := &s.home.yielding
	y.sessions = append(y.sessions, s)
	if !y.timer.Armed() {
		s.home.loop.Arm(&y.timer, yieldTime)
	}
}
