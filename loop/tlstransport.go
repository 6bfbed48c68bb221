package loop

import (
	"net"
	"time"
)

// transport is a tlsSocket as its tls.Conn sees it. During the handshake the
// handshake's goroutine calls it, and the loop afterwards.
type transport tlsSocket

var _ net.Conn = (*transport)(nil)

// noInput is the error of a Read when no record is complete. Because it is
// temporary, crypto/tls can read again.
type noInput struct{}

var errNoInput net.Error = noInput{}

func (noInput) Error() string   { return "loop: no record is complete" }
func (noInput) Timeout() bool   { return true }
func (noInput) Temporary() bool { return true }

// Read returns at most one record.
func (t *transport) Read(b []byte) (n int, err error) {
	if d := t.away.Load(); d != nil {
		return d.read(b)
	}
	if t.shake != nil {
		return t.shake.read(b)
	}
	r := t.home.records
	if len(r.input) == 0 {
		return 0, errNoInput
	}
	n, r.left = copyRecord(b, r.input, r.left)
	r.input = r.input[n:]
	return n, nil
}

// copyRecord copies from input to b, but not beyond the end of the first
// record. left is how many bytes of it are left, or 0 if it is new.
func copyRecord(b, input []byte, left int) (n, nowLeft int) {
	if left == 0 {
		left = len(input)
		if len(input) >= recordHead {
			left = recordHead + int(input[3])<<8 + int(input[4])
		}
	}
	n = copy(b, input[:min(left, len(input))])
	return n, left - n
}

// Write adds b to what is to be sent.
func (t *transport) Write(b []byte) (int, error) {
	s := (*tlsSocket)(t)
	if d := t.away.Load(); d != nil {
		return d.Conn.Write(b)
	}
	r := s.home.records
	switch {
	case s.shake != nil:
		return s.shake.write(b)
	case r.sealing:
		r.sealed = append(r.sealed, b...)
	case s.rest != nil && len(s.rest.payload())+len(b) > maxRest:
		return 0, errUnread
	default:
		s.addRest(b)
	}
	return len(b), nil
}

// Close does nothing unless the connection has left the engine: the loop closes
// it.
func (t *transport) Close() error {
	if d := t.away.Load(); d != nil {
		return d.Close()
	}
	return nil
}

// LocalAddr returns the connection's own address, during the handshake and
// outside of the engine.
func (t *transport) LocalAddr() net.Addr {
	if d := t.away.Load(); d != nil {
		return d.LocalAddr()
	}
	if t.shake == nil {
		return nil
	}
	return t.shake.local
}

// RemoteAddr returns the peer's address, during the handshake and outside of
// the engine.
func (t *transport) RemoteAddr() net.Addr {
	if d := t.away.Load(); d != nil {
		return d.RemoteAddr()
	}
	if t.shake == nil {
		return nil
	}
	return net.TCPAddrFromAddrPort(t.shake.remote)
}

// SetDeadline does nothing in the engine, as the following methods: a timer of
// the loop bounds the handshake, and afterwards no call blocks.
func (t *transport) SetDeadline(at time.Time) error {
	if d := t.away.Load(); d != nil {
		return d.SetDeadline(at)
	}
	return nil
}

// SetReadDeadline does nothing in the engine.
func (t *transport) SetReadDeadline(at time.Time) error {
	if d := t.away.Load(); d != nil {
		return d.SetReadDeadline(at)
	}
	return nil
}

// SetWriteDeadline does nothing in the engine.
func (t *transport) SetWriteDeadline(at time.Time) error {
	if d := t.away.Load(); d != nil {
		return d.SetWriteDeadline(at)
	}
	return nil
}
