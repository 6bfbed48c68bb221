package loop

import (
	"errors"
	"net"

	"github.com/sioserver/sioserver/loop/internal/goroutine"
)

// Detached is a connection that has left the engine, or the reason why it was
// lost.
type Detached struct {
	// Conn is the connection. The receiver closes it. It is nil when the
	// connection was lost; then Err is the reason.
	Conn net.Conn
	Err  error
	// Unread begins with what Detach was given. What was read after that
	// follows.
	Unread []byte
	// Unsent was queued when the connection left. The receiver must write it
	// before anything else.
	Unsent []byte
}

// Detach takes c out of its loop and makes a net.Conn of it. The handler gets
// no further calls, not even Closed, and c must not be used any more. next is
// called once, on a goroutine of its own; unread is copied for it. The engine
// does not count the connection any more, nor close it at its end.
//
// The connection is closed, and next gets an error, if the peer is gone, no
// descriptor is left or the engine stops. The error is [errors.ErrUnsupported]
// if CanDetach is false. The net.Conn of a TLS connection is a *tls.Conn, which
// Adopt can take back. If c is closing or leaving otherwise, Detach returns
// false and does nothing.
func (c *Conn) Detach(unread []byte, next func(Detached)) bool {
	c.loop.own("Conn.Detach")
	if c.flags&(isLeaving|isLingering) != 0 {
		return false
	}
	c.leaveWith(nil, &handoff{next: next, unread: append([]byte(nil), unread...)})
	return true
}

// CanDetach reports whether Detach can take c out of its loop: not if goroutines
// drive c and it is more than a descriptor.
func (c *Conn) CanDetach() bool {
	c.loop.own("Conn.CanDetach")
	r, streams := c.sock.(*streamSocket)
	return !streams || r.Plain()
}

// detach carries out a Detach.
func (l *Loop) detach(d departure) {
	l.handBack(d.c)
	t := d.handoff
	sock := d.c.sock
	if s, ok := sock.(*tlsSocket); ok {
		l.detachTLS(d, s)
		return
	}
	l.remove(d.c, nil)
	r, streams := sock.(*streamSocket)
	if streams && !r.Plain() {
		held := r.Held
		r.Close(r)
		if held { // the reader waits with what it has read
			r.Held = false
			r.Drop()
		}
		l.loseDetached(t, errors.ErrUnsupported)
		return
	}
	left := Detached{Unread: t.unread, Unsent: l.unsent(t)}
	if streams {
		r.leaveHome()
		r.Release(func(s goroutine.Released) {
			t.next(left.of(s))
		})
		return
	}
	l.sockets.Release(sock, func(nc net.Conn, err error) {
		left.Conn, left.Err = nc, err
		t.next(left)
	})
}

// unsent takes what is queued out of t.
func (l *Loop) unsent(t *handoff) (b []byte) {
	if t.out == nil {
		return nil
	}
	for i, f := range t.out.frames[t.out.head:] {
		p := f.payload()
		if i == 0 {
			p = p[t.out.sent:]
		}
		b = append(b, p...)
	}
	l.putOutbox(t.out)
	t.out = nil
	return b
}

// of completes d with the released stream: what the stream has read comes after
// d.Unread, and what it has not written before d.Unsent.
func (d Detached) of(s goroutine.Released) Detached {
	if s.Err != nil {
		return Detached{Err: s.Err}
	}
	d.Conn = s.Conn
	d.Unread = append(d.Unread, s.Unread...)
	d.Unsent = append(s.Unsent, d.Unsent...)
	return d
}

// loseDetached reports that a connection was lost before it could leave l.
func (l *Loop) loseDetached(t *handoff, err error) {
	if t.out != nil {
		l.counters.discarded.Add(int64(len(t.out.frames) - t.out.head))
		l.putOutbox(t.out)
		t.out = nil
	}
	go t.next(Detached{Err: err})
}
