package loop

import (
	"fmt"
	"net/netip"
	"slices"
)

// handoff is what accompanies a stream into a loop.
type handoff struct {
	accept func(*Conn) Handler
	unread []byte
	out    *outbox        // what was queued when the connection left its loop
	moved  bool           // from another loop of the engine
	next   func(Detached) // takes the stream out of the engine; nil for a move
	remote netip.AddrPort // the peer's address, when the stream does not tell it
}

// MoveTo hands c's descriptor to loop l. The handler gets no further calls,
// not even Closed, and c must not be used any more. On l, next is called with
// the Conn that takes over, then unread, which is copied, is delivered to the
// handler that next returns; then what was still queued is written. Bytes that
// arrive in between wait in the kernel.
//
// Where descriptors are lacking the move waits for them, up to 30 s, for up to
// 16 connections of the engine. If it fails (no descriptor left, the engine
// stops, the peer is gone) next is called all the same, unless l has ended, but
// with a Conn that is closed already; the handler that it returns gets Closed
// at once, with ErrLostMove or the peer's end, and Stats.LostMoves counts it.
// A connection that the peer has reset before the move is lost in it on the
// backend that is built on gnet; one that is driven by goroutines moves, and its
// handler gets the reset.
//
// If l is c's own loop, next takes over c itself at once. When c is closing or
// leaving otherwise, MoveTo reports false and does nothing.
func (c *Conn) MoveTo(l *Loop, unread []byte, next func(c *Conn) Handler) bool {
	if c.flags&(parts|lingers) != 0 {
		return false
	}
	if l == c.loop {
		c.succeed(unread, next)
		return true
	}
	c.departWith(l, &handoff{moved: true, accept: next, unread: append([]byte(nil), unread...), remote: c.RemoteAddr()})
	return true
}

// succeed is a move to c's own loop. A pause ends, as it does on another loop.
func (c *Conn) succeed(unread []byte, next func(c *Conn) Handler) {
	if c.held != nil {
		unread = append(slices.Clip(unread), c.held.payload()...)
		c.dropHeld()
	}
	c.flags &^= isPaused
	c.loop.callAccept(c, next)
	if len(unread) > 0 {
		c.data(unread)
	}
	c.poll()
}

// departWith puts c on the parting list, to leave for loop to, or for t.next.
func (c *Conn) departWith(to *Loop, t *handoff) {
	c.unblock()
	if c.frame != nil {
		c.makeOutbox()
	}
	t.out, c.out = c.out, nil
	if c.held != nil {
		t.unread = append(t.unread, c.held.payload()...)
	}
	c.leave(parting{c: c, to: to, handoff: t})
	c.flags |= moves
	c.handler = quiet{}
}

// follow sends b, which arrived after MoveTo was called, after c.
func (l *Loop) follow(c *Conn, b []byte) {
	for _, p := range l.parting {
		if p.c == c {
			p.handoff.unread = append(p.handoff.unread, b...)
		}
	}
}

// depart carries out a move: the stream leaves this loop before it enters the
// other, so that no byte is read in between. A Detach is one to nowhere.
func (l *Loop) depart(p parting) {
	if p.handoff.next != nil {
		l.release(p)
		return
	}
	l.forget(p.c)
	if r, ok := p.c.sock.(*streamSocket); ok {
		l.gone(p.c, nil)
		if !r.moveTo(p.to, p.handoff) {
			p.to.loseMove(p.handoff, ErrShutdown)
		}
		return
	}
	stream, err := l.sockets.Detach(p.c.sock)
	l.gone(p.c, nil)
	if err != nil {
		p.to.loseMove(p.handoff, fmt.Errorf("%w: %w", ErrLostMove, err))
		return
	}
	p.to.sockets.Attach(stream, p.handoff, func(err error) {
		p.to.loseMove(p.handoff, fmt.Errorf("%w: %w", ErrLostMove, err))
	})
}

// loseMove accounts for a stream that was lost on its way to l. It is safe for
// concurrent use: the outbox belongs to no loop at that time.
func (l *Loop) loseMove(t *handoff, err error) {
	l.counters.lostMoves.Add(1)
	if t.out != nil {
		l.counters.discarded.Add(int64(len(t.out.frames) - t.out.head))
		t.out.clear()
	}
	l.Post(&lostMove{t, err})
}

// lostMove is the task of telling the new handler that its connection is lost.
type lostMove struct {
	t   *handoff
	err error
}

// Run stages the life of a connection that ends as it begins.
func (m *lostMove) Run(l *Loop) {
	remote := m.t.remote
	c := &Conn{loop: l, handler: quiet{}, ip: remote.Addr().As16(), port: remote.Port(), flags: parts | isGone}
	l.callAccept(c, m.t.accept)
	h := c.handler
	c.handler = quiet{}
	l.callClosed(h, c, m.err)
}
