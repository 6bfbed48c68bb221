package loop

const (
	scratchSize = 64 << 10
	// frameCost is what a queued frame counts for beside its bytes.
	frameCost = 128
	// joinLimit is the size up to which frames are copied into one buffer, to
	// share a send. Larger ones are sent from where they are.
	joinLimit = 8 << 10
	// maxPieces bounds the buffers of one send.
	maxPieces = 64
	// flushBudget bounds what one connection writes at a time. What is left
	// waits for the next writability notice, like bytes that the kernel
	// refused.
	flushBudget = 512 << 10
	// shedFraction is the fraction of Config.MaxQueued that MakeRoom frees at
	// once, so that the queue is not searched for every message.
	shedFraction = 8
	// HardBound is how many times Config.MaxQueued may wait for a peer that is
	// still reading.
	HardBound = 4
)

// Send queues f, whose reference passes to c, and writes it when the burst
// ends, together with what else is sent to c by then.
//
// If what is queued would exceed Config.MaxQueued with f, the kernel is first
// offered what is queued. If it is still too much, Send queues f and returns
// true: the caller decides how long the peer may take nothing. If what is
// behind the first frame would exceed HardBound times Config.MaxQueued, c is
// closed: see Overflow.
//
// After Close, CloseAfterFlush or MoveTo, frames are released and counted as
// discarded.
func (c *Conn) Send(f *Frame) (crowded bool) {
	c.loop.own("Conn.Send")
	size := len(f.payload())
	if c.flags&(isLeaving|isLingering) != 0 || size == 0 {
		if size > 0 {
			c.loop.counters.discarded.Add(1)
		}
		f.Release()
		return false
	}
	if (c.out != nil || c.frame != nil) && c.weight()+size > c.loop.maxQueued {
		if crowded = !c.fits(size, size); crowded && c.exceedsHardBound(size, size) {
			c.loop.counters.discarded.Add(1)
			f.Release()
			c.Overflow()
			return true
		}
	}
	switch {
	case c.out != nil:
		c.out.push(f)
		c.account()
	case c.frame != nil:
		c.makeOutbox()
		c.out.push(f)
	default:
		c.frame = f
	}
	c.setDirty()
	return crowded
}

// makeOutbox moves the only queued frame to an outbox.
func (c *Conn) makeOutbox() {
	c.out = c.loop.takeOutbox()
	c.out.took = c.loop.Now()
	c.out.push(c.frame)
	c.frame = nil
}

// weight is what the queued frames count against Config.MaxQueued.
func (c *Conn) weight() int {
	switch {
	case c.out != nil:
		return c.out.weight()
	case c.frame != nil:
		return len(c.frame.payload()) + frameCost
	}
	return 0
}

// MakeRoom reports whether size more bytes in n frames can be sent without
// exceeding Config.MaxQueued. If they can't, it drops queued messages that may
// be dropped ([Frame.Group]), the oldest first, until an eighth of
// Config.MaxQueued is free beside the new bytes. dropped is their number.
func (c *Conn) MakeRoom(size, n int) (dropped int, ok bool) {
	c.loop.own("Conn.MakeRoom")
	excess := c.weight() + size + n*frameCost - c.loop.maxQueued
	if excess > 0 && c.weight() > 0 && c.offer() {
		excess = c.weight() + size + n*frameCost - c.loop.maxQueued
	}
	if excess <= 0 {
		return 0, true
	}
	if c.frame != nil {
		c.makeOutbox()
	}
	begun := c.fd < 0 // the wire may have a part of the first message
	if c.out == nil || !c.out.canShed(begun) {
		return 0, false
	}
	before := c.out.weight()
	dropped = c.out.shed(excess+c.loop.maxQueued/shedFraction, begun)
	c.account()
	return dropped, before-c.out.weight() >= excess
}

// Queued is the number of bytes that were sent and that the kernel has not
// taken yet.
func (c *Conn) Queued() int {
	c.loop.own("Conn.Queued")
	switch {
	case c.out != nil:
		return c.out.queued
	case c.frame != nil:
		return len(c.frame.payload())
	}
	return 0
}

// Blocked reports whether bytes of an earlier burst are still queued, because
// the peer reads too slowly.
func (c *Conn) Blocked() bool {
	c.loop.own("Conn.Blocked")
	return c.flags&isBlocked != 0
}

// setDirty has what is queued written when the burst ends, unless c waits for a
// writability notice.
func (c *Conn) setDirty() {
	if c.flags&(isDirty|isBlocked) == 0 {
		c.flags |= isDirty
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// flush writes the connections that are dirty now; those that become dirty
// meanwhile wait for the turn. The list may have some of them twice if a
// callback has ended the goroutine of the last flush.
func (l *Loop) flush() {
	n := len(l.dirty)
	for i := range n {
		c := l.dirty[i]
		if c.flags&isDirty == 0 {
			continue
		}
		c.flags &^= isDirty
		if c.flags&isLeaving == 0 {
			c.write()
		}
	}
	left := copy(l.dirty, l.dirty[n:])
	clear(l.dirty[left:])
	l.dirty = l.dirty[:left]
}

// write writes what is queued and calls the handler with the result.
func (c *Conn) write() {
	switch empty, err := c.push(); {
	case err != nil:
		c.closeWith(err)
	case !empty:
		c.block()
		c.loop.callBlocked(c)
	case c.flags&isLingering != 0:
		c.closeWrite()
	default:
		c.loop.callFlushed(c)
	}
}

// push passes queued bytes to the kernel until none are left (empty), the
// kernel takes no more, or the budget is used up.
func (c *Conn) push() (empty bool, err error) {
	l := c.loop
	if f := c.frame; f != nil {
		n, err := l.send(c, f.payload())
		if n == len(f.payload()) {
			c.frame = nil
			f.Release()
			return true, nil
		}
		c.makeOutbox()
		c.out.advance(n)
		return false, err
	}
	if c.out != nil {
		c.out.refused = false
	}
	for budget := flushBudget; c.out != nil && budget > 0; {
		pieces, size := l.gather(c.out)
		n, err := 0, error(nil)
		if len(pieces) == 1 {
			n, err = l.send(c, pieces[0])
			pieces[0] = nil // as sendv does: it may be large
		} else {
			n, err = l.sendv(c, pieces)
		}
		if n > 0 {
			c.out.advance(n)
			c.out.took = l.Now()
		}
		budget -= n
		if n < size || err != nil {
			return false, err
		}
		if c.out.queued == 0 {
			l.putOutbox(c.out)
			c.out = nil
		}
	}
	return c.out == nil, nil
}

// gather collects the pieces of the next send. Runs of small frames are joined
// in the loop's scratch buffer; a large frame is a piece of its own.
func (l *Loop) gather(o *outbox) (pieces [][]byte, size int) {
	pieces = l.iov[:0]
	if len(o.frames)-o.head == 1 {
		b := o.frames[o.head].payload()[o.sent:]
		l.iov = append(pieces, b)
		return l.iov, len(b)
	}
	if l.scratch == nil {
		l.scratch = make([]byte, 0, scratchSize)
	}
	scratch, run := l.scratch, 0 // scratch[run:] is not in pieces yet
	skip := o.sent
	for _, f := range o.frames[o.head:] {
		b := f.payload()[skip:]
		skip = 0
		small := len(b) <= joinLimit
		if len(pieces) >= maxPieces-1 || size >= flushBudget || small && len(scratch)+len(b) > cap(scratch) {
			break
		}
		size += len(b)
		if small {
			scratch = append(scratch, b...)
			continue
		}
		if len(scratch) > run {
			pieces = append(pieces, scratch[run:])
			run = len(scratch)
		}
		pieces = append(pieces, b)
	}
	if len(scratch) > run {
		pieces = append(pieces, scratch[run:])
	}
	l.iov = pieces
	return pieces, size
}

func (l *Loop) send(c *Conn, b []byte) (int, error) {
	n, err := c.wire().Send(int(c.fd), b)
	l.counters.sends.Add(1)
	l.counters.bytesOut.Add(int64(n))
	return n, err
}

func (l *Loop) sendv(c *Conn, pieces [][]byte) (int, error) {
	n, err := c.wire().Sendv(int(c.fd), pieces)
	clear(pieces)
	l.counters.sends.Add(1)
	l.counters.bytesOut.Add(int64(n))
	return n, err
}
