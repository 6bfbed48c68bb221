package eio

import "github.com/sioserver/sioserver/loop/invariants"

// check panics if one of the core's invariants is broken. They hold between two
// calls from outside, not within an effect. flushing reports whether a flush
// was asked for that has not come yet.
func (c *core) check(flushing bool) {
	bytes := 0
	for _, p := range c.queue() {
		bytes += c.wireFormat.size(p, false)
	}
	waits := len(c.queue()) > 0
	invariants.Check(bytes == c.queued(), "eio: the bytes of the queue are those of its packets")
	invariants.Check(!c.webSocket || !waits, "eio: the queue is empty over WebSocket")
	invariants.Check(!c.webSocket || c.upgrade == upgradeNone, "eio: there is no upgrade over WebSocket")
	invariants.Check(!c.poll || !waits || flushing, "eio: a GET is parked only while the queue is empty or a flush is requested")
	if c.state == StateClosed {
		invariants.Check(!waits && !c.poll && c.side == nil && c.upgrade == upgradeNone, "eio: nothing is left of a closed session")
	}
}

// check checks the session's core, with the build tag invariants.
func (s *Session) check() {
	if invariants.Enabled {
		s.core.check(s.polling != nil && s.polling.flushPosted)
	}
}
