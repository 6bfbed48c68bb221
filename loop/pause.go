package loop

import "time"

// Pause stops reading from c until Resume: no Data follows, the kernel's buffer
// fills, and TCP slows the peer down. unread, which is copied, is what Data was
// given and did not use; Resume delivers it first. Writing goes on. The end of
// the stream is not noticed either, until it has been read: see Unreachable. A
// connection that is paused costs no thread and no polling. Pausing twice adds
// to what is unread.
func (c *Conn) Pause(unread []byte) {
	if c.flags&parts != 0 {
		return
	}
	c.flags |= isPaused
	if c.flags&lingers == 0 {
		c.hold(unread)
	}
	if c.flags&isUnpolled != 0 {
		return
	}
	if err := c.wire().Pause(c.sock); err != nil {
		c.closeWith(err)
		return
	}
	c.flags |= isUnpolled
}

// Resume reads from c again, after Data was called with what is unread. It does
// nothing for a connection that is not paused. It must not be called by c's own
// Data.
func (c *Conn) Resume() {
	if c.flags&isPaused == 0 || c.flags&parts != 0 {
		return
	}
	c.flags &^= isPaused
	if f := c.held; f != nil {
		c.held = nil
		c.data(f.payload())
		f.Release()
	}
	c.poll()
}

// poll has the backend read from c again, unless c is paused.
func (c *Conn) poll() {
	if c.flags&(isPaused|isUnpolled|parts) != isUnpolled {
		return
	}
	if err := c.wire().Resume(c.sock); err != nil {
		c.closeWith(err)
		return
	}
	c.flags &^= isUnpolled
}

// Paused reports whether c is paused.
func (c *Conn) Paused() bool { return c.flags&isPaused != 0 }

// Held is how many bytes wait for Resume in this process.
func (c *Conn) Held() int {
	if c.held == nil {
		return 0
	}
	return len(c.held.payload())
}

// Unreachable asks the kernel whether the peer is gone: it has closed or reset
// the connection, or its host has acknowledged nothing for longer than patience
// though bytes are on their way to it. Unlike HungUp it is meant for a paused
// connection, whose end is not noticed otherwise. It costs up to two system
// calls; of a connection that is driven by goroutines it knows nothing and is
// false.
func (c *Conn) Unreachable(patience time.Duration) bool {
	return c.flags&parts == 0 && (c.HungUp() || c.wire().Unacknowledged(int(c.fd)) > patience)
}

func (c *Conn) hold(b []byte) {
	if len(b) == 0 {
		return
	}
	if c.held == nil {
		c.held = NewReceivedFrame()
	}
	c.held.B = append(c.held.B, b...)
}

func (c *Conn) dropHeld() {
	if c.held != nil {
		c.held.Release()
		c.held = nil
	}
}
