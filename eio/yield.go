package eio

import (
	"time"

	"github.com/sioserver/sioserver/loop"
)

// yieldTime is how long the other connections of a loop are read, at least,
// before a session that was read enough continues. Posted tasks run before any
// of them.
const yieldTime = time.Millisecond

// yielding holds the sessions of a loop that let others be served. Loop-owned.
type yielding struct {
	sessions []*Session
	timer    loop.Timer
}

// Expired resumes the session that has waited longest.
func (y *yielding) Expired(*loop.Timer) {
	s := y.sessions[0]
	if y.sessions = y.sessions[1:]; len(y.sessions) == 0 {
		y.sessions = nil
	} else {
		s.home.loop.Arm(&y.timer, yieldTime)
	}
	s.resume(forOthers)
}

// yield lets other connections of the loop be served before the rest of a read,
// or of a POST. A session that is paused continues later anyway.
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
