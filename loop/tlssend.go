package loop

import (
	"errors"

	"github.com/sioserver/sioserver/loop/invariants"
)

const (
	// maxRecord is how many bytes a record has at most.
	maxRecord = 16 << 10
	// maxRest is how many encrypted bytes may wait for a peer: a record, and
	// what crypto/tls itself answers, such as to a KeyUpdate.
	maxRest = 32 << 10
)

// errUnread ends a connection whose peer makes crypto/tls answer and does not
// read the answers.
var errUnread = errors.New("loop: the peer reads no answers of the TLS protocol")

// Send implements backend.Wire.
func (s *tlsSocket) Send(fd int, b []byte) (int, error) {
	r := s.home.records
	r.single[0] = b
	n, err := s.Sendv(fd, r.single[:])
	r.single[0] = nil
	return n, err
}

// Sendv encrypts bufs and passes them to the kernel, a record at a time, until
// it does not take all of one. What it returns is a byte less than what is
// encrypted then.
func (s *tlsSocket) Sendv(_ int, bufs [][]byte) (n int, err error) {
	if s.shake != nil || s.raw > 0 {
		return s.sendRaw(bufs[0])
	}
	if taken, err := s.flushRest(); !taken {
		return 0, err
	}
	if s.ahead {
		s.ahead = false
		n = 1
	}
	r := s.home.records
	skip, batch := n, 0
	for _, b := range bufs {
		b = b[min(skip, len(b)):]
		skip = 0
		for len(b) > 0 {
			m := min(len(b), maxRecord-batch)
			r.sealing = true
			_, err := s.tls.Write(b[:m])
			r.sealing = false
			if err != nil {
				r.sealed = r.sealed[:0] // another connection's would follow
				return n, err
			}
			b, n, batch = b[m:], n+m, batch+m
			if batch == maxRecord {
				if taken, err := s.pass(); !taken {
					return n - 1, err
				}
				batch = 0
			}
		}
	}
	if taken, err := s.pass(); !taken {
		return n - 1, err
	}
	return n, nil
}

// sendRaw sends what the handshake has queued, as it is.
func (s *tlsSocket) sendRaw(b []byte) (n int, err error) {
	if s.shake == nil {
		b = b[:min(len(b), s.raw)]
	}
	n, err = s.home.sockets.Send(s.poll.Fd(), b)
	if s.shake == nil {
		s.raw -= n
	}
	return n, err
}

// pass passes what was encrypted in this call to the kernel. If the kernel does
// not take all, the rest waits, and a byte of it in the outbox.
func (s *tlsSocket) pass() (taken bool, err error) {
	r := s.home.records
	sealed := r.sealed
	r.sealed = sealed[:0]
	if len(sealed) == 0 {
		return true, nil
	}
	n, err := s.home.sockets.Send(s.poll.Fd(), sealed)
	if n == len(sealed) {
		return true, nil
	}
	s.addRest(sealed[n:])
	s.ahead = true
	return false, err
}

// flushRest passes rest to the kernel, and reports whether nothing is left.
func (s *tlsSocket) flushRest() (taken bool, err error) {
	if s.rest == nil {
		return true, nil
	}
	n, err := s.home.sockets.Send(s.poll.Fd(), s.rest.payload())
	s.rest.Start += n
	left := len(s.rest.payload())
	s.count(left)
	if left > 0 {
		return false, err
	}
	s.rest.Release()
	s.rest = nil
	return true, nil
}

// addRest has b wait for the kernel.
func (s *tlsSocket) addRest(b []byte) {
	if s.rest == nil {
		s.rest = NewFrame()
	}
	s.rest.B = append(s.rest.B, b...)
	s.count(len(s.rest.payload()))
}

// count has the loop count n bytes of rest as queued.
func (s *tlsSocket) count(n int) {
	if n != s.held {
		s.home.HoldQueued(n - s.held)
		s.held = n
	}
}

// check panics if one of s's invariants is broken.
func (s *tlsSocket) check(c *Conn) {
	invariants.Check(!s.ahead || c.flags&isLeaving != 0 || s.rest != nil && c.Queued() > 0, "loop: a TLS connection has sent a part of nothing")
}
