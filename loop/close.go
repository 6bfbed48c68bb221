package loop

import (
	"errors"
	"io"
	"slices"
	"time"
)

// parting is a connection on its way out of its loop: to be closed with err
// or, when it has a handoff, to be moved to another loop.
type parting struct {
	c       *Conn
	err     error
	rest    bool // what is queued is still to be written
	to      *Loop
	handoff *handoff
}

// maxIgnored is how many bytes of a peer are read and ignored after
// CloseAfterFlush: more than an honest one has on its way when it learns of the
// end.
const maxIgnored = 16 << 20

// lingerLife is how long what is queued is written after the end to a peer that
// takes it.
const lingerLife = 30 * time.Second

// linger is the deadline of CloseAfterFlush.
type linger struct {
	Timer
	c       *Conn
	d       time.Duration
	queued  int   // when it was last armed
	until   int64 // when it must end, whatever the peer takes
	ignored int   // bytes read since CloseAfterFlush
}

// ignore takes n bytes that the peer has sent too late. A peer that floods is no
// longer read.
func (g *linger) ignore(n int) {
	if g.ignored += n; g.ignored > maxIgnored {
		g.c.Pause(nil)
	}
}

// Expired closes the connection although the peer has not, unless the peer is
// still taking what is queued.
func (g *linger) Expired(*Timer) {
	left := time.Duration(g.until - g.c.loop.Now())
	if n := g.c.Queued(); 0 < n && n < g.queued && left > 0 {
		g.queued = n
		g.c.loop.Arm(&g.Timer, min(g.d, left))
		return
	}
	g.c.closeWith(nil)
}

// Close discards what is queued and closes c when the burst ends. No Data
// follows; Closed is called with a nil error.
func (c *Conn) Close() { c.closeWith(nil) }

// CloseAfterFlush writes what is queued, then ends the sending half of the
// connection, so that the peer sees the end, and closes c when the peer has
// closed its half too, or d from now; d starts again when it ends while the peer
// is still taking what is queued, but not for longer than half a minute in all, or
// d if that is longer. Until then what the peer sends is read and
// ignored: to close over unread bytes would reset the connection, and the peer
// could lose what it was sent last. After 16 MiB it is not read any more, as by
// Pause. Later calls of Send are discarded, no Data
// or Flushed follows, and Closed is called with a nil error however the
// connection ends.
func (c *Conn) CloseAfterFlush(d time.Duration) {
	if c.flags&(parts|lingers) != 0 {
		return
	}
	c.flags |= lingers
	c.linger = &linger{c: c, d: d, queued: c.Queued(), until: c.loop.Now() + int64(max(d, lingerLife))}
	c.linger.Init(c.linger)
	c.loop.Arm(&c.linger.Timer, d)
	c.dropHeld()
	c.Resume() // to see the peer's end
	if c.Queued() == 0 {
		c.shut()
	}
}

// shut ends the sending half. It fails when the peer has reset the connection.
func (c *Conn) shut() {
	if err := c.wire().CloseWrite(int(c.fd)); err != nil {
		c.closeWith(nil)
	}
}

// closeWith puts c on the parting list. The first reason counts.
func (c *Conn) closeWith(err error) {
	if c.flags&parts != 0 {
		return
	}
	c.discard()
	c.leave(parting{c: c, err: err})
}

func (c *Conn) leave(p parting) {
	c.flags |= parts
	c.loop.parting = append(c.loop.parting, p)
}

// discard releases what is queued.
func (c *Conn) discard() {
	c.unblock()
	if c.frame != nil {
		c.frame.Release()
		c.frame = nil
		c.loop.counters.discarded.Add(1)
	}
	if c.out != nil {
		c.loop.counters.discarded.Add(int64(len(c.out.frames) - c.out.head))
		c.loop.putOutbox(c.out)
		c.out = nil
	}
}

// part carries out what is on the parting list: all of it, or only what
// concerns one connection. What is carried out leaves an empty place until the end,
// which may not come if a callback ends the goroutine.
func (l *Loop) part(only *Conn) {
	for i := 0; i < len(l.parting); i++ { // Closed may add to the list
		p := l.parting[i]
		if p.c == nil || only != nil && p.c != only {
			continue
		}
		l.parting[i] = parting{}
		switch {
		case p.handoff != nil:
			l.depart(p)
		case p.rest:
			l.leaveRest(p.c, p.err)
		default:
			l.forget(p.c)
			p.c.wire().Close(p.c.sock)
			l.gone(p.c, p.err)
		}
	}
	l.parting = slices.DeleteFunc(l.parting, func(p parting) bool { return p.c == nil })
}

// forget puts the socket into the state in which the backend gives it away: not
// watched, and not paused.
func (l *Loop) forget(c *Conn) {
	if c.flags&isWatched != 0 {
		c.flags &^= isWatched
		c.wire().Unwatch(int(c.fd))
	}
	if c.flags&isUnpolled != 0 {
		c.flags &^= isUnpolled
		_ = c.wire().Resume(c.sock) // it is given away all the same
	}
}

// lost is the burst of a connection that ended from outside: the peer closed
// it, it failed, or the engine stops. Its socket must not be used afterwards,
// but still can be now.
func (l *Loop) lost(c *Conn, err error) {
	err = plainEOF(err)
	l.begin()
	if c.flags&parts == 0 {
		c.lastPush()
		c.flags |= parts
		c.discard()
	} else {
		err = l.overtaken(c, err)
		c.discard()
	}
	l.forget(c)
	l.gone(c, err)
	l.end(nil)
}

// ended closes c because its peer has ended it.
func (c *Conn) ended(err error) {
	if c.flags&parts == 0 {
		c.lastPush()
		c.closeWith(plainEOF(err))
	}
}

// lastPush writes what it can, because the peer may have shut down its sending
// half only.
func (c *Conn) lastPush() {
	if c.Queued() > 0 && c.flags&isBlocked == 0 {
		_, _ = c.push()
	}
}

func plainEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return err
}

// overtaken takes c off the parting list, because it was lost through err before
// its parting was carried out, and returns the reason that was to be given. A
// move is completed in so far as the new handler learns of the end.
func (l *Loop) overtaken(c *Conn, err error) error {
	for i, p := range l.parting {
		if p.c != c {
			continue
		}
		last := len(l.parting) - 1
		l.parting[i] = l.parting[last]
		l.parting[last] = parting{}
		l.parting = l.parting[:last]
		switch {
		case p.handoff == nil:
		case p.handoff.next != nil:
			l.loseDetached(p.handoff, err)
		default:
			p.to.loseMove(p.handoff, err)
		}
		return p.err
	}
	return nil
}

// gone ends c's life on this loop.
func (l *Loop) gone(c *Conn, err error) {
	if c.flags&lingers != 0 {
		err = nil
	}
	if c.linger != nil {
		l.Cancel(&c.linger.Timer)
		c.linger = nil
	}
	c.dropHeld()
	c.flags |= isGone
	c.sock = nil
	l.shrink.fell(l.counters.connections.Add(-1))
	h := c.handler
	c.handler = quiet{}
	l.callClosed(h, c, err)
}
