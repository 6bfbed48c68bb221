package loop

import (
	"errors"
	"net"
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
// goroutines already (see Engine.AdoptWith). When c is closing or leaving
// otherwise, Detach reports false and does nothing.
func (c *Conn) Detach(unread []byte, next func(Detached)) bool {
	if c.flags&(parts|lingers) != 0 {
		return false
	}
	c.departWith(nil, &ticket{next: next, unread: append([]byte(nil), unread...)})
	return true
}

// release carries out a Detach.
func (l *Loop) release(p parting) {
	l.forget(p.c)
	t := p.ticket
	sock := p.c.sock
	l.gone(p.c, nil)
	if r, ok := sock.(*relay); ok {
		held := r.held
		r.Close(r)
		if held { // the reader waits with what it has read
			r.held = false
			r.taken <- struct{}{}
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
	l.be.Release(sock, func(nc net.Conn, err error) {
		d.Conn, d.Err = nc, err
		t.next(d)
	})
}

// loseDetached tells that a connection was lost before it could leave l.
func (l *Loop) loseDetached(t *ticket, err error) {
	if t.out != nil {
		l.counters.discarded.Add(int64(len(t.out.frames) - t.out.head))
		l.putOutbox(t.out)
		t.out = nil
	}
	go t.next(Detached{Err: err})
}
