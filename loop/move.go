package loop

import (
	"fmt"
	"net/netip"
	"slices"
)

// handoff is what a loop gets together with a stream.
type handoff struct {
	accept func(*Conn) Handler
	unread []byte
	out    *outbox        // what was queued when the connection left its loop
	moved  bool           // from another loop of the engine
	next   func(Detached) // takes the stream out of the engine; nil for a move
	remote netip.AddrPort // replaces the stream's address of the peer, if valid

	tls     *TLS       // the connection is to be encrypted; nil for a plain one
	secured *tlsSocket // the connection is encrypted already; nil for a plain one
}

// MoveTo moves c's stream to loop l. c's handler gets no further calls, not
// even Closed, and c must not be used any more. On l, next is called with the
// Conn that replaces c, then unread, which is copied, is delivered to the
// handler that next returns; then what was still queued is written. Bytes that
// arrive in between wait in the kernel.
//
// A move that lacks descriptors waits for them, up to 30 s, for up to 16
// connections of the engine. If the move fails (no descriptor left, the engine
// stops, the peer is gone), next is called nevertheless, unless l has ended,
// with a Conn that is closed already. The handler that it returns gets Closed
// at once, with ErrLostMove or the peer's end, and Stats.LostMoves counts it.
// If the peer has reset the connection before the move, the move fails on the
// backend that uses gnet. A connection that is driven by goroutines moves, and
// its handler gets the reset.
//
// If l is c's own loop, next is called at once, with c itself. If c is closing
// or leaving otherwise, MoveTo returns false and does nothing.
func (c *Conn) MoveTo(l *Loop, unread []byte, next func(c *Conn) Handler) bool {
	c.loop.own("Conn.MoveTo")
	if c.flags&(isLeaving|isLingering) != 0 {
		return false
	}
	if l == c.loop {
		c.replaceHandler(unread, next)
		return true
	}
	c.leaveWith(l, &handoff{moved: true, accept: next, unread: append([]byte(nil), unread...), remote: c.RemoteAddr()})
	return true
}

// replaceHandler is a move to c's own loop. It ends a pause, as a move to
// another loop does.
func (c *Conn) replaceHandler(unread []byte, next func(c *Conn) Handler) {
	if c.unread != nil {
		unread = append(slices.Clip(unread), c.unread.payload()...)
		c.dropUnread()
	}
	c.flags &^= isPaused
	c.loop.callAccept(c, next)
	if len(unread) > 0 {
		c.data(unread)
	}
	c.poll()
}

// leaveWith puts c on the list of departures, to move to loop to, or to t.next.
func (c *Conn) leaveWith(to *Loop, t *handoff) {
	c.unblock()
	if c.frame != nil {
		c.makeOutbox()
	}
	t.out, c.out = c.out, nil
	if c.unread != nil {
		t.unread = append(t.unread, c.unread.payload()...)
	}
	c.leave(departure{c: c, to: to, handoff: t})
	c.flags |= isMoving
	c.handler = noHandler{}
}

// addUnread adds b, which arrived after MoveTo was called, to what c takes
// along.
func (l *Loop) addUnread(c *Conn, b []byte) {
	for _, d := range l.departures {
		if d.c == c {
			d.handoff.unread = append(d.handoff.unread, b...)
		}
	}
}

// moveOut carries out a move or a Detach. The stream leaves this loop before it
// enters the other, so that no byte is read in between.
func (l *Loop) moveOut(d departure) {
	if d.handoff.next != nil {
		l.detach(d)
		return
	}
	l.handBack(d.c)
	if r, ok := d.c.sock.(*streamSocket); ok {
		l.remove(d.c, nil)
		if !r.moveTo(d.to, d.handoff) {
			d.to.loseMove(d.handoff, ErrShutdown)
		}
		return
	}
	sock := d.c.sock
	if s, ok := sock.(*tlsSocket); ok {
		s.leaveHome()
		d.handoff.secured, sock = s, s.poll
	}
	stream, err := l.sockets.Detach(sock)
	l.remove(d.c, nil)
	if err != nil {
		d.to.loseMove(d.handoff, fmt.Errorf("%w: %w", ErrLostMove, err))
		return
	}
	d.to.sockets.Attach(stream, d.handoff, func(err error) {
		d.to.loseMove(d.handoff, fmt.Errorf("%w: %w", ErrLostMove, err))
	})
}

// loseMove ends the move of a stream that was lost on its way to l. It is safe
// for concurrent use: the outbox belongs to no loop at that time.
func (l *Loop) loseMove(t *handoff, err error) {
	l.counters.lostMoves.Add(1)
	if t.out != nil {
		l.counters.discarded.Add(int64(len(t.out.frames) - t.out.head))
		t.out.clear()
	}
	if t.secured != nil {
		t.secured.release()
	}
	l.Post(&lostMove{t, err})
}

// lostMove is the task that calls a new handler whose connection is lost.
type lostMove struct {
	t   *handoff
	err error
}

// Run calls accept and Closed with a connection that is closed already.
func (m *lostMove) Run(l *Loop) {
	remote := m.t.remote
	c := &Conn{loop: l, handler: noHandler{}, ip: remote.Addr().As16(), port: remote.Port(), flags: isLeaving | isGone}
	l.callAccept(c, m.t.accept)
	h := c.handler
	c.handler = noHandler{}
	l.callClosed(h, c, m.err)
}
