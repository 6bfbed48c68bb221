package loop

import "time"

// overflowLinger is how long a peer that was too slow may take nothing of what
// was queued for it when its connection was given up.
const overflowLinger = 5 * time.Second

// fits offers the kernel what is queued and reports whether size more bytes, the
// first frame of which has head, stay within Config.MaxQueued then. Within one burst
// the kernel is asked once, and again only where the connection would be closed.
func (c *Conn) fits(head, size int) bool {
	if c.flags&isBlocked == 0 && (c.out == nil || !c.out.refused) || c.overflows(head, size) {
		c.offer()
	}
	return c.weight() == 0 || c.weight()+size <= c.loop.maxQueued
}

// overflows reports whether size more bytes, the first frame of which has head, are
// too much for any peer. The first frame that waits does not count: it may have any
// size, and what follows it must not be what closes the connection.
func (c *Conn) overflows(head, size int) bool {
	switch {
	case c.out != nil && len(c.out.frames) > c.out.head:
		head = len(c.out.frames[c.out.head].payload()) - c.out.sent
	case c.frame != nil:
		head = len(c.frame.payload())
	}
	return c.weight()-head+size > HardBound*c.loop.maxQueued
}

// Admit judges a message of several frames as a whole before it is sent: one with
// head bytes, and n more with rest bytes. It reports false when that is too much
// for the peer (see [Conn.Send]): then c is closed, and nothing must be sent of it.
func (c *Conn) Admit(head, rest, n int) bool {
	size := head + rest + n*frameCost
	if c.flags&(parts|lingers) != 0 || c.weight()+size <= c.loop.maxQueued ||
		c.fits(head, size) || !c.overflows(head, size) {
		return true
	}
	c.loop.counters.discarded.Add(int64(1 + n))
	c.Overflow()
	return false
}

// offer writes what the kernel takes now, also while callbacks are on the
// stack, and reports whether it took anything. An error is left to the write at
// the end of the burst.
func (c *Conn) offer() bool {
	if c.flags&(parts|lingers) != 0 {
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

// Overflow gives c up because its peer is too slow. Closed is called with
// ErrOverflow when the burst ends, and for the handler that is the end. What is
// queued is still written while the peer takes it, for half a minute at most,
// unless the peer takes nothing for 5 seconds.
func (c *Conn) Overflow() {
	if c.flags&(parts|lingers) != 0 {
		return
	}
	c.loop.counters.overflows.Add(1)
	c.leave(parting{c: c, err: ErrOverflow, rest: true})
}

// leaveRest ends the life of c for its handler and writes what is queued.
func (l *Loop) leaveRest(c *Conn, err error) {
	c.flags &^= parts
	l.callClosed(c.handler, c, err)
	c.handler = quiet{}
	c.CloseAfterFlush(overflowLinger)
	if c.Queued() > 0 {
		c.setDirty()
	}
}

// Crowded reports whether more than Config.MaxQueued waits for the peer.
func (c *Conn) Crowded() bool { return c.weight() > c.loop.maxQueued }

// Weight is what is queued as it counts against the bounds: each frame counts
// for 128 bytes more.
func (c *Conn) Weight() int { return c.weight() }

// Idle is how long the kernel has taken nothing of what is queued; 0 when
// nothing is.
func (c *Conn) Idle() time.Duration {
	if c.out == nil {
		return 0
	}
	return time.Duration(c.loop.Now() - c.out.took)
}

// Mark returns the end of what is queued now as a position that [Conn.Taken]
// reaches when the kernel has taken it, unless Flushed is called before; ok is
// false when nothing is queued.
func (c *Conn) Mark() (position int, ok bool) {
	if c.frame != nil {
		c.makeOutbox()
	}
	if c.out == nil {
		return 0, false
	}
	return c.out.taken + c.out.queued, true
}

// Taken is how far the kernel has come: see [Conn.Mark].
func (c *Conn) Taken() int {
	if c.out == nil {
		return 0
	}
	return c.out.taken
}

// account has the loop count what is queued while c is blocked.
func (c *Conn) account() {
	if c.flags&isBlocked == 0 {
		return
	}
	w := c.out.weight()
	c.loop.HoldQueued(w - c.out.counted)
	c.out.counted = w
}

// waiting is what waits on a loop for peers that don't take it.
type waiting struct {
	bytes  int
	share  int // of Config.MaxQueuedTotal
	mark   int // more than share: what must be passed before onFull is called again
	posted bool
	onFull []func()
}

// HoldQueued is Hold for bytes that wait for a peer outside of its connection,
// which count against Config.MaxQueuedTotal. Loop-owned.
func (l *Loop) HoldQueued(n int) {
	l.Hold(n)
	w := &l.waiting
	w.bytes += n
	switch {
	case w.bytes <= w.share:
		w.mark = 0
	case n > 0 && w.bytes > w.mark && !w.posted:
		w.posted = l.Post(fullTask{})
	}
}

// Discard counts n packets as discarded that were queued for a peer outside of
// its connection when that ended.
func (l *Loop) Discard(n int) { l.counters.discarded.Add(int64(n)) }

// Excess is how many bytes more wait than the loop's share of
// Config.MaxQueuedTotal allows, negative when there is room. What counts is what
// blocked connections have queued, and what HoldQueued was told. Loop-owned.
func (l *Loop) Excess() int { return l.waiting.bytes - l.waiting.share }

// Share is the loop's part of Config.MaxQueuedTotal.
func (l *Loop) Share() int { return l.waiting.share }

// OnFull adds a function that is called on the loop when Excess has become
// positive, and again each time that a sixteenth of the share more waits.
// Loop-owned.
func (l *Loop) OnFull(f func()) { l.waiting.onFull = append(l.waiting.onFull, f) }

// fullTask calls the functions of OnFull.
type fullTask struct{}

func (fullTask) Run(l *Loop) {
	w := &l.waiting
	w.posted = false
	if l.Excess() <= 0 {
		return
	}
	w.mark = w.bytes + w.share/16
	for _, f := range w.onFull {
		f()
	}
}
