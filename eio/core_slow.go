package eio

import "time"

// Peers that are slow. More than maxQueued may wait for a peer that takes
// something now and then. From when it does, the peer is watched: if it takes
// nothing for slowTimeout while so much waits, or hardBound times as much is
// about to wait, the session ends. What was queued before can still be fetched.

// weight is what waits for a GET as it counts against the bounds.
func (c *core) weight() int { return c.queued() + len(c.queue())*packetCost }

// fits makes room for size bytes, the first packet of which has head, by a GET that
// is parked, and watches the peer if too much waits. It reports false when there is
// no room even so. One packet alone always fits, whatever its size, and the first
// that waits does not count against the hard bound: a heartbeat must not end what
// it is in front of.
func (c *core) fits(fx effects, head, size int) bool {
	if c.weight()+size <= fx.maxQueued() {
		return true
	}
	c.flush(fx)
	n := c.weight()
	switch {
	case n+size <= fx.maxQueued() || n == 0 && size == head:
		return true
	case n > 0:
		head = c.wireFormat.size(c.queue()[0], false)
	}
	c.watch(fx)
	return n-head+size <= hardBound*fx.maxQueued()
}

// admit judges a message of several packets, one with head bytes and n more with
// rest bytes, before it is sent. It reports false, and ends the session, when there
// is no room for all of it.
func (c *core) admit(fx effects, head, rest, n int) bool {
	if c.fits(fx, head, head+rest+n*packetCost) {
		return true
	}
	fx.discarded(1 + n)
	c.overflow(fx)
	return false
}

// watch begins to watch the peer.
func (c *core) watch(fx effects) {
	if c.state != StateOpen || c.side != nil && c.side.slowAt != 0 {
		return
	}
	c.timers().slowAt = fx.clock() + fx.slowTimeout()
	fx.rearm()
}

// judge looks whether a watched peer has taken something.
func (c *core) judge(fx effects, now time.Duration) {
	if c.state != StateOpen {
		return
	}
	crowded := c.weight() > fx.maxQueued()
	if c.webSocket {
		crowded = fx.crowded()
	}
	if !crowded {
		return
	}
	if left := fx.slowTimeout() - fx.idle(); left > 0 {
		c.timers().slowAt = now + left
		return
	}
	c.overflow(fx)
}

// overflow ends the session of a peer that is too slow. Over polling it stays for
// a while so that the peer can fetch what waits, and nothing else.
func (c *core) overflow(fx effects) {
	if c.state != StateOpen {
		return
	}
	if c.webSocket || len(c.queue()) == 0 {
		c.end(fx, TransportError, ErrQueueOverflow)
		return
	}
	c.state, c.overReported = StateClosing, true
	c.timers().closeBy = fx.clock() + closeTimeout
	fx.over(TransportError, ErrQueueOverflow)
	fx.rearm()
}
