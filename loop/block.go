package loop

// block makes c wait for a notice that the kernel takes bytes again. Every
// notice has an id of its own: a notice may be on its way when its connection
// closes, and must not be taken for that of a later connection with the same
// descriptor.
func (c *Conn) block() {
	l := c.loop
	l.notice = l.nextNotice()
	if err := c.wire().Watch(int(c.fd), l.notice, c.flags&isWatched != 0); err != nil {
		c.closeWith(err)
		return
	}
	if l.blocked == nil {
		l.blocked = make(map[uint32]*Conn)
	}
	l.blocked[l.notice] = c
	c.out.notice = l.notice
	c.flags |= isBlocked | isWatched
	c.account()
}

// nextNotice returns the id after the last one. Ids are used again after all of
// them have been, except 0, which means none, and those that are pending.
func (l *Loop) nextNotice() uint32 {
	for id := l.notice + 1; ; id++ {
		if _, waits := l.blocked[id]; !waits && id != 0 {
			return id
		}
	}
}

// unblock ends c's wait for a notice.
func (c *Conn) unblock() {
	if c.flags&isBlocked != 0 {
		delete(c.loop.blocked, c.out.notice)
		c.flags &^= isBlocked
		c.loop.HoldQueued(-c.out.counted)
		c.out.counted = 0
	}
}

// writable is the task that is posted when a notice has come.
type writable uint32

func (id writable) Run(l *Loop) {
	c := l.blocked[uint32(id)]
	if c == nil {
		return // the connection has gone since
	}
	c.unblock()
	c.setDirty()
}
