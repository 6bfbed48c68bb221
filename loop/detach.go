package loop

import (
	"errors"
	"net"

	"github.com/sioserver/sioserver/loop/internal/goroutine"
)

// Detached is a connection that has left the engine, or the reason why it could
// not.
type Detached struct {
	// Conn is the connection, the receiver's to close; nil when it was lost, which
	// Err explains.
	Conn net.Conn
	Err  error
	// Unread is what has arrived but was not dealt with, beginning with what Detach
	// was given.
	Unread []byte
	// Unsent was queued when the connection left: it goes before anything else.
	Unsent []byte
}

// Detach takes c out of its loop, to be driven by goroutines from now on. The
// handler gets no further calls, not even Closed, and c must not be used any
// more. next is called once, on a goroutine of its own; unread is copied for it.
// The connection no longer counts among those of the engine, which does not close
// it at its end.
//
// It fails, and the connection is closed, when the peer is gone, no descriptor is
// left, the engine stops, or, with [errors.ErrUnsupported], when c is driven by
// goroutines and not a plain one (see Engine.AdoptWith). When c is closing or leaving
// otherwise, Detach reports false and does nothing.
func (c *Conn) Detach(unread []byte, next func(Detached)) bool {
	if c.flags&(parts|lingers) != 0 {
		return false
	}
	c.departWith(nil, &handoff{next: next, unread: append([]byte(nil), unread...)})
	return true
}

// release carries out a Detach.
func (l *Loop) release(p parting) {
	l.forget(p.c)
	t := p.handoff
	sock := p.c.sock
	l.gone(p.c, nil)
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
	d := Detached{Unread: t.unread}
	if t.out != nil {
		for i, f := range t.out.frames[t.out.head:] {
			b := f.payload()
			if i == 0 {
				b = b[t.out.sent:]
			}
			d.Unsent = append(d.Unsent, b...)
		}
		l.putOutbox(t.out)
		t.out = nil
	}
	if streams {
		r.leaveHome()
		r.Release(func(left goroutine.Released) {
			t.next(d.after(left))
		})
		return
	}
	l.sockets.Release(sock, func(nc net.Conn, err error) {
		d.Conn, d.Err = nc, err
		t.next(d)
	})
}

// after adds what a stream has read after d.Unread, and what it has not written
// before d.Unsent.
func (d Detached) after(left goroutine.Released) Detached {
	if left.Err != nil {
		return Detached{Err: left.Err}
	}
	d.Conn = left.Conn
	d.Unread = append(d.Unread, left.Unread...)
	d.Unsent = append(left.Unsent, d.Unsent...)
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
