package eio

import "time"

// A session is paused while the upper layer takes no more messages. The server
// does not read the peer then, so it does not count the peer's silence: pongs,
// probes and upgrades may be among the unread bytes. Writing goes on,
// heartbeats included, because the peer takes their absence for a dead server.

// pause begins a pause. A pong that is owed is no longer awaited: the next ping
// is due one interval after the last one, however often the session is paused
// and resumed until then.
func (c *core) pause(t timing, now time.Duration) {
	c.paused = true
	switch {
	case c.wireFormat.v3:
		if s := c.timers(); s.pongAt == 0 {
			s.pongAt = now + t.pingTimeout/2
		}
	case c.pinged:
		c.pinged, c.excused = false, true
		if c.heartbeat += t.pingInterval - t.pingTimeout; c.extended {
			c.heartbeat = now // the last ping may be long ago
		}
	}
}

// resume ends a pause. What the peer has sent meanwhile is still unread, so
// deadlines that the peer has to meet on its own start again.
func (c *core) resume(t timing, now time.Duration) {
	c.paused, c.lost = false, false
	if c.wireFormat.v3 {
		c.heartbeat = now + t.pingInterval + t.pingTimeout
	}
	if s := c.side; s != nil && s.upgradeBy != 0 {
		s.upgradeBy = now + t.upgradeTimeout
	}
}

// beatPaused is the heartbeat of a paused session. A peer that is found gone
// twice in a row, without taking anything in between, is gone.
func (c *core) beatPaused(fx effects, t timing, now time.Duration) {
	if fx.unreachable(t.pingInterval + t.pingTimeout) {
		if c.lost {
			c.end(fx, TransportClose, nil)
			return
		}
		c.lost = true
	}
	c.heartbeat = now + t.pingInterval
	if !c.wireFormat.v3 {
		c.excused = true
		c.putBeat(fx, packetPing)
	}
}

// pongUnasked answers a ping of protocol 3 that may be among the unread bytes,
// because the peer waits at most one timeout. It is repeated once after the
// pause.
func (c *core) pongUnasked(fx effects, t timing, now time.Duration) {
	c.side.pongAt = 0
	if c.paused {
		c.side.pongAt = now + t.pingTimeout/2
	}
	c.putBeat(fx, packetPong)
}

// putBeat sends a heartbeat, unless the queue already has something for a GET.
func (c *core) putBeat(fx effects, p *EncodedPacket) {
	if c.state == StateOpen && len(c.queue()) == 0 {
		c.put(fx, p)
	}
}
