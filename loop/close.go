package loop

import (
	"errors"
	"io"
	"slices"
	"time"
)

// departure is a connection that leaves its loop when the burst ends. It is
// closed with err or, if it has a handoff, moved or detached.
type departure struct {
	c       *Conn
	err     error
	flush   bool // what is queued is still to be written
	to      *Loop
	handoff *handoff
}

// maxIgnored is how many bytes of a peer are read and ignored after
// CloseAfterFlush: more than an honest peer has on its way when it learns of
// the end.
const maxIgnored = 16 << 20

// lingerLife is for how long after CloseAfterFlush what is queued is written to
// a peer that takes it.
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

// ignore counts n bytes that the peer has sent after CloseAfterFlush. After
// maxIgnored of them the peer is not read any more.
func (g *linger) ignore(n int) {
	if g.ignored += n; g.ignored > maxIgnored {
		g.c.Pause(nil)
	}
}

// Expired closes the connection, unless the peer is still taking what is
// queued.
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
func (c *Conn) Close() {
	c.loop.own("Conn.Close")
	c.closeWith(nil)
}

// CloseAfterFlush writes what is queued, then ends the sending half of the
// connection, so that the peer sees the end, and closes c when the peer has
// closed its half too, or d from now. If the peer is still taking what is
// queued when d ends, d starts again, but not for longer than half a minute in
// all, or d if that is longer.
//
// Until then what the peer sends is read and ignored: closing a connection that
// has unread bytes would reset it, and the peer could lose what it was sent
// last. After 16 MiB the peer is not read any more, as by Pause. What Send gets
// from now on is discarded, no Data or Flushed follows, and Closed is called
// with a nil error however the connection ends.
func (c *Conn) CloseAfterFlush(d time.Duration) {
	c.loop.own("Conn.CloseAfterFlush")
	if c.flags&(isLeaving|isLingering) != 0 {
		return
	}
	c.flags |= isLingering
	c.linger = &linger{c: c, d: d, queued: c.Queued(), until: c.loop.Now() + int64(max(d, lingerLife))}
	c.linger.Init(c.linger)
	c.loop.Arm(&c.linger.Timer, d)
	c.dropUnread()
	c.Resume() // to see the peer's end
	if c.Queued() == 0 {
		c.closeWrite()
	}
}

// closeWrite ends the sending half, or closes c if the peer has reset it.
func (c *Conn) closeWrite() {
	if err := c.wire().CloseWrite(int(c.fd)); err != nil {
		c.closeWith(nil)
	}
}

// closeWith puts c on the list of departures, unless it is there. So the first
// reason counts.
func (c *Conn) closeWith(err error) {
	if c.flags&isLeaving != 0 {
		return
	}
	c.discard()
	c.leave(departure{c: c, err: err})
}

func (c *Conn) leave(d departure) {
	c.flags |= isLeaving
	c.loop.departures = append(c.loop.departures, d)
}

// discard releases what is queued and counts it.
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

// carryOut carries out the departures: all of them, or only that of one
// connection. One that is carried out leaves an empty entry; entries are
// removed at the end, which is not reached if a callback ends the goroutine.
func (l *Loop) carryOut(only *Conn) {
	for i := 0; i < len(l.departures); i++ { // Closed may add to the list
		d := l.departures[i]
		if d.c == nil || only != nil && d.c != only {
			continue
		}
		l.departures[i] = departure{}
		switch {
		case d.handoff != nil:
			l.moveOut(d)
		case d.flush:
			l.leaveFlushing(d.c, d.err)
		default:
			l.handBack(d.c)
			d.c.wire().Close(d.c.sock)
			l.remove(d.c, d.err)
		}
	}
	l.departures = slices.DeleteFunc(l.departures, func(d departure) bool { return d.c == nil })
}

// handBack puts the socket into the state that the backend wants for Close and
// Detach: not watched, and not paused.
func (l *Loop) handBack(c *Conn) {
	if c.flags&isWatched != 0 {
		c.flags &^= isWatched
		c.wire().Unwatch(int(c.fd))
	}
	if c.flags&isUnpolled != 0 {
		c.flags &^= isUnpolled
		_ = c.wire().Resume(c.sock) // it leaves the loop in either case
	}
}

// lost runs the burst in which a connection has ended: the peer has closed it,
// it has failed, or the engine stops. Its socket may be used until lost
// returns.
func (l *Loop) lost(c *Conn, err error) {
	err = plainEOF(err)
	l.begin()
	if c.flags&isLeaving == 0 {
		c.pushOnce()
		c.flags |= isLeaving
	} else {
		err = l.withdraw(c, err)
	}
	c.discard()
	l.handBack(c)
	l.remove(c, err)
	l.end(nil)
}

// ended closes c because its peer has closed it or it has failed.
func (c *Conn) ended(err error) {
	if c.flags&isLeaving == 0 {
		c.pushOnce()
		c.closeWith(plainEOF(err))
	}
}

// pushOnce writes what the kernel takes: the peer may have ended its sending
// half only.
func (c *Conn) pushOnce() {
	if c.Queued() > 0 && c.flags&isBlocked == 0 {
		_, _ = c.push()
	}
}

// plainEOF returns io.EOF for an error that wraps it.
func plainEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return err
}

// withdraw removes c's departure from the list, because c was lost by err
// before that. It returns the departure's own reason, which goes to Closed. If
// c was to move, the handler on the other loop gets err.
func (l *Loop) withdraw(c *Conn, err error) error {
	for i, d := range l.departures {
		if d.c != c {
			continue
		}
		last := len(l.departures) - 1
		l.departures[i] = l.departures[last]
		l.departures[last] = departure{}
		l.departures = l.departures[:last]
		switch {
		case d.handoff == nil:
		case d.handoff.next != nil:
			l.loseDetached(d.handoff, err)
		default:
			d.to.loseMove(d.handoff, err)
		}
		return d.err
	}
	return nil
}

// remove makes c gone from this loop and calls Closed.
func (l *Loop) remove(c *Conn, err error) {
	if c.flags&isLingering != 0 {
		err = nil
	}
	if c.linger != nil {
		l.Cancel(&c.linger.Timer)
		c.linger = nil
	}
	c.dropUnread()
	if s, ok := c.sock.(*tlsSocket); ok {
		s.end()
	}
	c.flags |= isGone
	c.sock = nil
	l.shrink.fell(l.counters.connections.Add(-1))
	h := c.handler
	c.handler = noHandler{}
	l.callClosed(h, c, err)
}
