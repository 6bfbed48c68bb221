package loop

import (
	"container/list"
	"errors"
	"io"

	"github.com/sioserver/sioserver/loop/internal/tlsbuf"
)

// recordHead is the length of a record's header: type, version, length.
const recordHead = 5

// maxCiphertext is the length of the longest record behind its header (RFC
// 5246, section 6.2.3).
const maxCiphertext = maxRecord + 2<<10

// maxMessage is how many bytes a connection may keep of a message of the TLS
// protocol, behind the handshake, that is not complete. A KeyUpdate has 5, and
// crypto/tls refuses all others, but only once they are complete: they may have
// 256 KiB.
const maxMessage = 64

// errLargeMessage ends connections that send a part of such a message.
var errLargeMessage = errors.New("loop: the peer sends a large message of the TLS protocol behind the handshake")

// errRecordsFull ends connections that hold records which are not complete.
var errRecordsFull = errors.New("loop: too much is held of TLS records that are not complete")

// records is what a loop has for its TLS connections: the buffers that they
// share, and what they hold of records that are not complete. Loop-owned.
//
// The bound is a total. Beyond it, the connection that has held a part for the
// longest time is closed: an honest peer's record is complete within a few
// round trips.
type records struct {
	loop    *Loop
	input   []byte // the records that tls.Conn.Read gets; it returns when there are none
	left    int    // of input's first record; 0 if none of it is read
	raw     []byte // is lent to crypto/tls while it reads
	plain   []byte
	sealed  []byte // what is encrypted and not passed to the kernel
	sealing bool   // tls.Conn.Write adds to sealed
	single  [1][]byte

	parts list.List // of *partial, the oldest first
	bytes int       // of all of them
	share int       // of Config.MaxTLSBuffered
}

func newRecords(l *Loop) *records {
	return &records{
		loop:  l,
		raw:   make([]byte, tlsbuf.RecordSize),
		plain: make([]byte, scratchSize),
		share: max(l.engine.cfg.MaxTLSBuffered/len(l.engine.loops), 1),
	}
}

// partial is what a connection holds of a record, or of the first message of a
// handshake.
type partial struct {
	socket *tlsSocket
	frame  *Frame        // nil for a handshake
	place  *list.Element // in records.parts; nil for none
	held   int
}

// hold counts that p has size bytes.
func (r *records) hold(p *partial, size int) {
	if p.place == nil {
		p.place = r.parts.PushBack(p)
	}
	n := size - p.held
	p.held += n
	r.bytes += n
	r.loop.Hold(n)
	for r.bytes > r.share {
		oldest := r.parts.Front().Value.(*partial)
		r.forget(oldest)
		r.loop.counters.tlsEvicted.Add(1)
		oldest.socket.conn.closeWith(errRecordsFull)
	}
}

// forget ends the counting of p, which may be nil.
func (r *records) forget(p *partial) {
	if p == nil || p.place == nil {
		return
	}
	r.parts.Remove(p.place)
	r.bytes -= p.held
	r.loop.Hold(-p.held)
	p.place, p.held = nil, 0
}

// recordEnd returns where b's first record ends, or 0 if it is not complete. A
// header that is not valid ends b: crypto/tls refuses it.
func recordEnd(b []byte) int {
	if len(b) < recordHead {
		return 0
	}
	n := int(b[3])<<8 | int(b[4])
	switch {
	case n > maxCiphertext:
		return len(b)
	case len(b) < recordHead+n:
		return 0
	}
	return recordHead + n
}

// wholeRecords is how many bytes of b are records that are complete.
func wholeRecords(b []byte) (whole int) {
	for {
		n := recordEnd(b[whole:])
		if n == 0 {
			return whole
		}
		whole += n
	}
}

// received takes what the poller has read.
func (s *tlsSocket) received(b []byte) {
	if s.shake != nil {
		s.shake.received(b)
		return
	}
	for s.part != nil && len(b) > 0 {
		b = s.complete(b)
	}
	whole := wholeRecords(b)
	s.open(b[:whole])
	if b = b[whole:]; len(b) > 0 && s.reads() {
		s.part = &partial{socket: s, frame: NewReceivedFrame()}
		s.part.frame.B = append(s.part.frame.B, b...)
		s.home.records.hold(s.part, len(b))
	}
	if s.rest != nil && !s.ahead && s.raw == 0 && s.reads() {
		if _, err := s.flushRest(); err != nil {
			s.conn.closeWith(err)
		}
	}
}

// reads reports whether what comes from the peer is still of use.
func (s *tlsSocket) reads() bool {
	return s.conn.flags&isLeaving == 0 || s.conn.flags&isMoving != 0
}

// complete adds the beginning of b to the record that is not complete, and
// returns the rest of b.
func (s *tlsSocket) complete(b []byte) []byte {
	f := s.part.frame
	want := recordHead
	if len(f.B) >= recordHead {
		want += int(f.B[3])<<8 | int(f.B[4])
	}
	n := min(want-len(f.B), len(b))
	f.B = append(f.B, b[:n]...)
	if end := recordEnd(f.B); end == 0 {
		s.home.records.hold(s.part, len(f.B))
	} else {
		s.home.records.forget(s.part)
		s.part = nil
		s.open(f.B)
		f.Release()
	}
	return b[n:]
}

// open decrypts b, whole records, and delivers what they contain.
func (s *tlsSocket) open(b []byte) {
	r := s.home.records
	r.input, r.left = b, 0
	for len(r.input) > 0 && s.reads() {
		if plain, err := s.decrypt(); !s.deliver(plain, err) {
			break
		}
	}
	r.input = nil
}

// deliver passes what was decrypted to the connection, and its end if err is
// not nil. It reports whether there may be more.
func (s *tlsSocket) deliver(plain []byte, err error) bool {
	c := s.conn
	if len(plain) > 0 {
		c.loop.counters.bytesIn.Add(int64(len(plain)))
		c.data(plain)
	}
	switch err {
	case nil:
		return true
	case io.EOF:
		c.ended(err)
	default:
		c.closeWith(err)
	}
	return false
}

// decrypt reads as many records as the buffer has room for. The result is
// borrowed until the next call.
func (s *tlsSocket) decrypt() (plain []byte, err error) {
	r := s.home.records
	tlsbuf.Lend(s.tls, r.raw)
	plain = r.plain[:0]
	for cap(plain)-len(plain) >= maxRecord && err == nil {
		var n int
		n, err = s.tls.Read(plain[len(plain):cap(plain)])
		plain = plain[:len(plain)+n]
	}
	message := tlsbuf.Reclaim(s.tls)
	if err == errNoInput {
		err = nil
		if message > maxMessage {
			err = errLargeMessage
		}
	}
	return plain, err
}
