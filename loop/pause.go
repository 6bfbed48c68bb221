package loop

import "time"

// Pause stops reading from c until Resume: no Data follows, the kernel's buffer
// fills, and TCP slows the peer down. unread, which is copied, is what Data was
// given and has not used; Resume delivers it first. Writing goes on. The end of
// the stream is not noticed while c is paused: see Unreachable. A paused
// connection costs no thread and no polling. Pausing twice adds to what is
// unread.
func (c *Conn) Pause(unread []byte) {
	c.loop.own("Conn.Pause")
	if c.flags&isLeaving != 0 {
		return
	}
	c.flags |= isPaused
	if c.flags&isLingering == 0 {
		c.keep(unread)
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

// Resume calls Data with what is unread and then reads from c again. It does
// nothing for a connection that is not paused. c's own Data must not call it.
func (c *Conn) Resume() {
	c.loop.own("Conn.Resume")
	if c.flags&isPaused == 0 || c.flags&isLeaving != 0 {
		return
	}
	c.flags &^= isPaused
	if f := c.unread; f != nil {
		c.unread = nil
		c.data(f.payload())
		f.Release()
	}
	c.poll()
}

// poll has the backend read from c again, unless c is paused.
func (c *Conn) poll() {
	if c.flags&(isPaused|isUnpolled|isLeaving) != isUnpolled {
		return
	}
	if err := c.wire().Resume(c.sock); err != nil {
		c.closeWith(err)
		return
	}
	c.flags &^= isUnpolled
}

// Paused reports whether c is paused.
func (c *Conn) Paused() bool {
	c.loop.own("Conn.Paused")
	return c.flags&isPaused != 0
}

// Held is how many bytes wait for Resume in this process, not in the kernel.
func (c *Conn) Held() int {
	c.loop.own("Conn.Held")
	if c.unread == nil {
		return 0
	}
	return len(c.unread.payload())
}

// Unreachable asks the kernel whether the peer is gone: it has closed or reset
// the connection, or its host has acknowledged nothing for longer than patience
// though bytes are on their way to it. It is meant for a paused connection,
// whose end is not noticed otherwise. It costs up to two system calls. As with
// HungUp, it is false for a connection that is more than a descriptor.
func (c *Conn) Unreachable(patience time.Duration) bool {
	c.loop.own("Conn.Unreachable")
	return c.flags&isLeaving == 0 && (c.HungUp() || c.wire().Unacknowledged(int(c.fd)) > patience)
}

// keep adds b to what Resume delivers first.
func (c *Conn) keep(b []byte) {
	if len(b) == 0 {
		return
	}
	if c.unread == nil {
		c.unread = NewReceivedFrame()
	}
	c.unread.B = append(c.unread.B, b...)
}

func (c *Conn) dropUnread() {
	if c.unread != nil {
		c.unread.Release()
		c.unread = nil
	}
}
