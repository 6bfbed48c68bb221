package loop

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// tlsSocket is the socket and wire of a TLS connection whose descriptor the
// backend's poller holds. The handshake runs on a goroutine (type handshake).
// Afterwards the loop encrypts and decrypts, and the connection has neither a
// goroutine nor a buffer while it is idle.
//
//	in    poller ─► records that are complete ─► tls.Conn.Read ─► Conn.data
//	out   Conn.push ─► tls.Conn.Write ─► rest ─► poller
//
// What is queued stays in the Conn's outbox until the kernel may take it, and
// is encrypted then, a record's worth at a time. So a frame is shared by all
// connections as without TLS, and at most one record waits encrypted. Of what
// that record contains, the last byte stays in the outbox, so that the
// connection counts as blocked until the kernel has taken the record.
//
// Loop-owned, once the handshake is complete.
type tlsSocket struct {
	tls   *tls.Conn
	poll  backend.Socket // the poller's
	home  *Loop
	conn  *Conn      // nil once it is gone
	shake *handshake // nil once it is complete
	rest  *Frame     // encrypted, and not taken by the kernel; nil when empty
	part  *partial   // a record that is not complete; nil for none
	raw   int        // how many bytes of the outbox are the handshake's
	held  int        // of rest, as counted by HoldQueued
	ahead bool       // the outbox begins with a byte that is encrypted in rest

	away atomic.Pointer[detached] // nil unless the connection has left the engine
}

var (
	_ backend.Wire = (*tlsSocket)(nil)
	_ secured      = (*tlsSocket)(nil)
)

// openTLS makes s, a new socket of the poller or one that has moved, a TLS
// connection of l.
func (l *Loop) openTLS(s backend.Socket, remote net.Addr, t *handoff) backend.Conn {
	if l.records == nil {
		l.records = newRecords(l)
	}
	ts := t.secured
	if ts == nil {
		ts = new(tlsSocket)
		ts.tls = tls.Server((*transport)(ts), t.tls.config)
	}
	ts.poll, ts.home = s, l
	c := l.newConn(ts, addrPortOf(remote), t)
	ts.conn = c
	if t.secured == nil {
		ts.shake = newHandshake(ts, t)
		t = &handoff{accept: ts.shake.accept, unread: t.unread}
	} else {
		moved, next := *t, t.accept
		moved.accept = func(c *Conn) Handler {
			ts.arrive()
			return next(c)
		}
		t = &moved
	}
	l.do(burst{kind: openBurst, c: c, handoff: t})
	return (*sealed)(c) // ts may be another loop's by now
}

// Fd implements backend.Socket: a tlsSocket is its own Wire.
func (s *tlsSocket) Fd() int { return -1 }

func (s *tlsSocket) secure() bool { return true }

func (s *tlsSocket) connectionState() *tls.ConnectionState {
	if s.shake != nil {
		return nil
	}
	state := s.tls.ConnectionState()
	return &state
}

// CloseWrite sends close_notify, and what comes after it is the end of the
// stream.
func (s *tlsSocket) CloseWrite(int) error {
	s.notifyClose()
	return s.home.sockets.CloseWrite(s.poll.Fd())
}

// notifyClose sends close_notify, if the kernel takes it.
func (s *tlsSocket) notifyClose() {
	if s.shake == nil && s.raw == 0 {
		_ = s.tls.CloseWrite() // it only adds to rest
		_, _ = s.flushRest()
	}
}

// HungUp implements backend.Wire, as the following methods do.
func (s *tlsSocket) HungUp(int) bool { return s.home.sockets.HungUp(s.poll.Fd()) }

// Unacknowledged asks the poller.
func (s *tlsSocket) Unacknowledged(int) time.Duration {
	return s.home.sockets.Unacknowledged(s.poll.Fd())
}

// Pause pauses the poller's socket.
func (s *tlsSocket) Pause(backend.Socket) error { return s.home.sockets.Pause(s.poll) }

// Resume resumes the poller's socket.
func (s *tlsSocket) Resume(backend.Socket) error { return s.home.sockets.Resume(s.poll) }

// Watch asks the poller for the notice.
func (s *tlsSocket) Watch(_ int, id uint32, again bool) error {
	return s.home.sockets.Watch(s.poll.Fd(), id, again)
}

// Unwatch cancels it.
func (s *tlsSocket) Unwatch(int) { s.home.sockets.Unwatch(s.poll.Fd()) }

// Close sends close_notify and closes the poller's socket.
func (s *tlsSocket) Close(backend.Socket) {
	s.notifyClose()
	s.home.sockets.Close(s.poll)
}

// leaveHome makes s no loop's. What is to be sent and what has come stay for
// another loop.
func (s *tlsSocket) leaveHome() {
	s.conn = nil
	s.home.records.forget(s.part)
	s.count(0)
}

// end releases what s holds when its connection is gone.
func (s *tlsSocket) end() {
	if s.conn == nil {
		return // it has moved
	}
	s.leaveHome()
	s.release()
}

// release gives up what s holds.
func (s *tlsSocket) release() {
	if s.part != nil && s.part.frame != nil {
		s.part.frame.Release()
	}
	s.part = nil
	if s.rest != nil {
		s.rest.Release()
		s.rest = nil
	}
}

// arrive makes s a socket of the loop to which it has moved.
func (s *tlsSocket) arrive() {
	if s.part != nil {
		s.home.records.hold(s.part, len(s.part.frame.B))
	}
	if s.rest != nil {
		s.count(len(s.rest.payload()))
	}
	if away := s.away.Swap(nil); away != nil {
		s.home.Post(returned{s, away})
	}
}
