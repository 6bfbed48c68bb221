package eio

import "time"

// A session is paused while the upper layer takes no more messages. The peer is
// not read then, so its silence is not held against it: pongs, probes and upgrades
// may wait among what is unread. Writing goes on, heartbeats included, for the peer
// judges by them whether the server is there.

// pause begins a pause.
func (c *core) pause(t timing, now time.Duration) {
	c.paused = true
	if c.form.v3 { // its unread ping must have an answer in time
		c.heartbeat = min(c.heartbeat, now+t.pingTimeout/2)
	}
}

// resume ends a pause: the peer's time starts anew, as what it has sent meanwhile
// is still to be read.
func (c *core) resume(t timing, now time.Duration) {
	c.paused, c.lost = false, false
	switch {
	case c.form.v3:
		c.heartbeat = now + t.pingInterval + t.pingTimeout
	case c.pinged:
		c.heartbeat = now + t.pingTimeout
	}
	if s := c.side; s != nil && s.upgradeBy != 0 {
		s.upgradeBy = now + t.upgradeTimeout
	}
}

// beatPaused is the heartbeat of a paused session. A peer that is found to be gone
// twice in a row, so that nothing of it was taken in between, has left for good.
func (c *core) beatPaused(fx effects, t timing, now time.Duration) {
	if fx.unreachable(t.pingInterval + t.pingTimeout) {
		if c.lost {
			c.end(fx, TransportClose, nil)
			return
		}
		c.lost = true
	}
	beat := packetPing
	if c.form.v3 {
		beat = packetPong
		c.heartbeat = now + t.pingTimeout/2
	} else {
		c.pinged, c.extended = true, false
		c.heartbeat = now + t.pingInterval
	}
	if len(c.queue()) == 0 { // else a GET fetches something anyway
		c.put(fx, beat)
	}
}
