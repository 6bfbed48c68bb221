package loop

// ticket is what accompanies a stream into a loop.
type ticket struct {
	accept  func(*Conn) Handler
	unread  []byte
	out     *outbox // what was queued when the connection left its loop
	moved   bool    // from another loop of the engine
	refused bool    // set by the loop
}

// MoveTo hands c's descriptor to loop l. The handler gets no further calls,
// not even Closed, and c must not be used any more. On l, next is called with
// the Conn that takes over, then unread, which is copied, is delivered to the
// handler that next returns; then what was still queued is written. Bytes that
// arrive in between wait in the kernel.
//
// If the move fails (no descriptor left, the engine stops, the peer is gone)
// the connection is closed, Stats.LostMoves counts it, and next is never
// called. If l is c's own loop, next takes over c itself at once.
func (c *Conn) MoveTo(l *Loop, unread []byte, next func(c *Conn) Handler) {
	if c.flags&(parts|lingers) != 0 {
		return
	}
	if l == c.loop {
		l.callAccept(c, next)
		if len(unread) > 0 {
			c.data(unread)
		}
		return
	}
	t := &ticket{moved: true, accept: next, unread: append([]byte(nil), unread...)}
	c.unblock()
	if c.frame != nil {
		c.out = c.loop.takeOutbox()
		c.out.push(c.frame)
		c.frame = nil
	}
	t.out, c.out = c.out, nil
	c.leave(parting{c: c, to: l, ticket: t})
	c.handler = quiet{}
}

// depart carries out a move: the stream leaves this loop's poller before it
// enters the other's, so that no byte is read in between.
func (l *Loop) depart(p parting) {
	l.unwatch(p.c)
	stream, err := l.be.Detach(p.c.sock)
	l.gone(p.c, nil)
	if err != nil {
		l.loseMove(p.ticket)
		l.log.Debug("loop: cannot detach a connection", "error", err)
		return
	}
	p.to.be.Attach(stream, p.ticket, func(err error) {
		p.to.loseMove(p.ticket)
		p.to.log.Debug("loop: cannot attach a connection", "error", err)
	})
}

// loseMove accounts for a connection lost on its way here. It is safe for
// concurrent use: the outbox belongs to no loop at that time.
func (l *Loop) loseMove(t *ticket) {
	l.counters.lostMoves.Add(1)
	if t.out != nil {
		l.counters.discarded.Add(int64(len(t.out.frames) - t.out.head))
		t.out.clear()
	}
}
