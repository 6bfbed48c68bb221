package loop

import "time"

// overflowLinger is how long a peer may take nothing of what is queued for it
// once Overflow was called.
const overflowLinger = 5 * time.Second

// fits offers the kernel what is queued and reports whether size more bytes,
// the first frame of which has head, are then within Config.MaxQueued. The
// kernel is asked once a burst, and again only before c would be closed.
func (c *Conn) fits(head, size int) bool {
	if c.flags&isBlocked == 0 && (c.out == nil || !c.out.refused) || c.exceedsHardBound(head, size) {
		c.offer()
	}
	return c.weight() == 0 || c.weight()+size <= c.loop.maxQueued
}

// exceedsHardBound reports whether size more bytes, the first frame of which
// has head, are too much for any peer. The first queued frame does not count:
// it may have any size, and what follows it must not be what closes c.
func (c *Conn) exceedsHardBound(head, size int) bool {
	switch {
	case c.out != nil && len(c.out.frames) > c.out.head:
		head = len(c.out.frames[c.out.head].payload()) - c.out.sent
	case c.frame != nil:
		head = len(c.frame.payload())
	}
	return c.weight()-head+size > HardBound*c.loop.maxQueued
}

// Admit reports whether a message of several frames may be sent: a first one
// with head bytes, and n more with tail bytes together. If it is too much for
// the peer (see [Conn.Send]), c is closed, and none of the frames must be sent.
func (c *Conn) Admit(head, tail, n int) bool {
	c.loop.own("Conn.Admit")
	size := head + tail + n*frameCost
	if c.flags&(isLeaving|isLingering) != 0 || c.weight()+size <= c.loop.maxQueued ||
		c.fits(head, size) || !c.exceedsHardBound(head, size) {
		return true
	}
	c.loop.counters.discarded.Add(int64(1 + n))
	c.Overflow()
	return false
}

// offer writes what the kernel takes now, also while callbacks are on the
// stack, and reports whether the kernel has taken anything. An error is left to
// the write at the end of the burst.
func (c *Conn) offer() bool {
	if c.flags&(isLeaving|isLingering) != 0 {
		return false
	}
	before := c.Queued()
	c.unblock()
	for {
		queued := c.Queued()
		if empty, err := c.push(); empty || err != nil || c.Queued() == queued {
			break
		}
	}
	if c.out != nil {
		c.out.refused = true
	}
	c.setDirty()
	return c.Queued() < before
}

// Overflow closes c because its peer is too slow. The handler's Closed is
// called with ErrOverflow when the burst ends. What is queued is still written,
// for half a minute at most, until the peer takes nothing for 5 seconds.
func (c *Conn) Overflow() {
	c.loop.own("Conn.Overflow")
	if c.flags&(isLeaving|isLingering) != 0 {
		return
	}
	c.loop.counters.overflows.Add(1)
	c.leave(departure{c: c, err: ErrOverflow, flush: true})
}

// leaveFlushing calls Closed and then writes what is queued.
func (l *Loop) leaveFlushing(c *Conn, err error) {
	c.flags &^= isLeaving
	l.callClosed(c.handler, c, err)
	c.handler = noHandler{}
	c.CloseAfterFlush(overflowLinger)
	if c.Queued() > 0 {
		c.setDirty()
	}
}

// Crowded reports whether more than Config.MaxQueued waits for the peer.
func (c *Conn) Crowded() bool {
	c.loop.own("Conn.Crowded")
	return c.weight() > c.loop.maxQueued
}

// Weight is what the queued frames count against the bounds: their bytes, and
// 128 for each frame.
func (c *Conn) Weight() int {
	c.loop.own("Conn.Weight")
	return c.weight()
}

// Idle is for how long the kernel has taken nothing of what is queued; 0 when
// nothing is queued.
func (c *Conn) Idle() time.Duration {
	c.loop.own("Conn.Idle")
	if c.out == nil {
		return 0
	}
	return time.Duration(c.loop.Now() - c.out.took)
}

// Mark returns the position of the end of what is queued now. [Conn.Taken]
// reaches it when the kernel has taken all of that, unless Flushed is called
// before. ok is false when nothing is queued.
func (c *Conn) Mark() (position int, ok bool) {
	c.loop.own("Conn.Mark")
	if c.frame != nil {
		c.makeOutbox()
	}
	if c.out == nil {
		return 0, false
	}
	return c.out.taken + c.out.queued, true
}

// Taken is the position up to which the kernel has taken what was queued: see
// [Conn.Mark].
func (c *Conn) Taken() int {
	c.loop.own("Conn.Taken")
	if c.out == nil {
		return 0
	}
	return c.out.taken
}

// account updates what the loop counts of c: what is queued, while c is
// blocked.
func (c *Conn) account() {
	if c.flags&isBlocked == 0 {
		return
	}
	w := c.out.weight()
	c.loop.HoldQueued(w - c.out.counted)
	c.out.counted = w
}

// queuedTotal counts what is queued on a loop for peers that do not take it.
type queuedTotal struct {
	bytes  int
	share  int // of Config.MaxQueuedTotal
	mark   int // onFull is called when bytes exceeds it; 0 below share
	posted bool
	onFull []func()
}

// HoldQueued is Hold for bytes that are queued for a peer, in its connection or
// elsewhere. They also count against Config.MaxQueuedTotal. Loop-owned.
func (l *Loop) HoldQueued(n int) {
	l.own("Loop.HoldQueued")
	l.Hold(n)
	q := &l.queuedTotal
	q.bytes += n
	l.counters.queued.Store(int64(q.bytes))
	switch {
	case q.bytes <= q.share:
		q.mark = 0
	case n > 0 && q.bytes > q.mark && !q.posted:
		q.posted = l.Post(fullTask{})
	}
}

// Discard counts n packets as discarded: they were queued for a peer outside of
// its connection when the connection ended. Loop-owned.
func (l *Loop) Discard(n int) { l.counters.discarded.Add(int64(n)) }

// Excess is by how many bytes the loop's share of Config.MaxQueuedTotal is
// exceeded, negative when there is room. What blocked connections have queued
// counts, and what HoldQueued was called with. Loop-owned.
func (l *Loop) Excess() int {
	l.own("Loop.Excess")
	return l.queuedTotal.bytes - l.queuedTotal.share
}

// Share is the loop's part of Config.MaxQueuedTotal. Safe for concurrent use.
func (l *Loop) Share() int { return l.queuedTotal.share }

// OnFull adds a function that is called on the loop when Excess has become
// positive, and again each time it has grown by a sixteenth of the share.
// Loop-owned.
func (l *Loop) OnFull(f func()) {
	l.own("Loop.OnFull")
	l.queuedTotal.onFull = append(l.queuedTotal.onFull, f)
}

// fullTask calls the functions of OnFull.
type fullTask struct{}

func (fullTask) Run(l *Loop) {
	q := &l.queuedTotal
	q.posted = false
	if l.Excess() <= 0 {
		return
	}
	q.mark = q.bytes + q.share/16
	for _, f := range q.onFull {
		f()
	}
}
