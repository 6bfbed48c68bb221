package loop

import (
	"crypto/tls"
	"net"
	"time"
)

// detached is a TLS connection that has left its engine: the net.Conn that its
// transport reads and writes, and what the loop had read. Its tls.Conn is the
// application's.
type detached struct {
	net.Conn
	in   []byte // records that tls.Conn has not read; used by its reader
	left int    // of the first one, if it is read in part
}

// detachTLS carries out a Detach of a TLS connection.
func (l *Loop) detachTLS(d departure, s *tlsSocket) {
	t := d.handoff
	s.leaveHome()
	l.remove(d.c, nil)
	left := Detached{Unread: t.unread, Unsent: l.unsent(t)}
	if s.raw > 0 { // of the handshake: it is not to be encrypted
		n := min(s.raw, len(left.Unsent))
		s.rest, s.raw = NewFrame(), 0
		s.rest.B = append(s.rest.B, left.Unsent[:n]...)
		left.Unsent = left.Unsent[n:]
	}
	if s.ahead { // the first byte is in rest
		s.ahead, left.Unsent = false, left.Unsent[1:]
	}
	l.sockets.Release(s.poll, func(nc net.Conn, err error) {
		if err == nil {
			err = s.sendRest(nc, l.engine.cfg.HandshakeTimeout)
		}
		if err != nil {
			s.release()
			t.next(Detached{Err: err})
			return
		}
		away := &detached{Conn: nc}
		if s.part != nil {
			away.in = append(away.in, s.part.frame.B...)
			s.part.frame.Release()
			s.part = nil
		}
		s.away.Store(away)
		left.Conn = s.tls
		t.next(left)
	})
}

// sendRest writes to nc what is encrypted, within a time, or closes it. Left to
// the application's first Write, the end of what was sent before would wait for
// that.
func (s *tlsSocket) sendRest(nc net.Conn, limit time.Duration) error {
	if s.rest == nil {
		return nil
	}
	_ = nc.SetWriteDeadline(time.Now().Add(limit))
	if _, err := nc.Write(s.rest.payload()); err != nil {
		_ = nc.Close()
		return err
	}
	s.rest.Release()
	s.rest = nil
	return nc.SetWriteDeadline(time.Time{})
}

// comeBack returns the socket of a connection that has left an engine, and the
// net.Conn below it. It is nil for any other connection.
func comeBack(nc net.Conn) (*tlsSocket, net.Conn) {
	conn, ok := nc.(*tls.Conn)
	if !ok {
		return nil, nil
	}
	t, ok := conn.NetConn().(*transport)
	if !ok {
		return nil, nil
	}
	away := t.away.Load()
	if away == nil {
		return nil, nil
	}
	return (*tlsSocket)(t), away.Conn
}

// returned is the task that delivers what was read of a connection that has come
// back.
type returned struct {
	socket *tlsSocket
	away   *detached
}

// Run runs behind the connection's accept function.
func (r returned) Run(*Loop) {
	s, away := r.socket, r.away
	if s.conn == nil || !s.reads() {
		return
	}
	if plain, err := s.decrypt(); len(plain) > 0 || err != nil {
		s.deliver(plain, err)
	}
	if len(away.in) > 0 && s.reads() {
		s.received(away.in)
	}
}

// read passes at most one record to the tls.Conn, when it is complete: so there
// is never a part of one in the tls.Conn, and the connection can come back.
func (d *detached) read(b []byte) (n int, err error) {
	for d.left == 0 && recordEnd(d.in) == 0 {
		piece := make([]byte, 4<<10)
		n, err := d.Conn.Read(piece)
		d.in = append(d.in, piece[:n]...)
		if n == 0 && err != nil {
			return 0, err
		}
	}
	n, d.left = copyRecord(b, d.in, d.left)
	if d.in = d.in[n:]; len(d.in) == 0 {
		d.in, d.left = nil, 0
	}
	return n, nil
}
