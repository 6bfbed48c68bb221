package eio

import "time"

// Slow peers. More than maxQueued bytes may wait for a peer that takes some of
// them now and then. As soon as more waits, the peer is watched. The session
// ends if the peer takes nothing for slowTimeout while that much waits, or if
// more than hardBound times maxQueued would wait. The peer can still fetch what
// was queued.

// weight returns how many bytes the queue counts against the bounds.
func (c *core) weight() int { return c.queued() + len(c.queue())*packetCost }

// fits reports whether there is room for size bytes, of which the first packet
// has head. If too much waits, it first answers a parked GET, and then watches
// the peer. A single packet fits into an empty queue whatever its size, and the
// first packet of the queue does not count against the hard bound: a heartbeat
// behind it must not end the session.
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

// admit judges a message of several packets before it is sent: one with head
// bytes and n more with rest bytes. If there is no room for all of it, it ends
// the session and reports false.
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

// judge ends the session if a watched peer has taken nothing for slowTimeout.
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

// overflow ends the session of a peer that is too slow. Over polling the
// session stays for closeTimeout, so that the peer can fetch what waits, and
// nothing else.
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
