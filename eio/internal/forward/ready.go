package forward

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// chunk is the buffer for one read of a tunnel. It holds two full TLS records.
type chunk [32 << 10]byte

var chunks = sync.Pool{New: func() any { return new(chunk) }}

// plainChunk is the size of the buffer of a connection that needs one while it
// waits.
const plainChunk = 2 << 10

// source reads a connection without keeping a buffer while nothing comes.
type source struct {
	conn  net.Conn
	raw   syscall.RawConn // nil for a connection that is not a plain descriptor
	plain []byte          // the buffer of such a connection
	lent  *chunk
}

func newSource(conn net.Conn) *source {
	s := &source{conn: conn, raw: rawOf(conn)}
	if s.raw == nil {
		s.plain = make([]byte, plainChunk)
	}
	return s
}

// next returns what has arrived, at least one byte, borrowed until done is
// called. At the end of the stream it returns nothing and no error.
func (s *source) next() ([]byte, error) {
	if s.raw == nil {
		n, err := s.conn.Read(s.plain)
		return s.plain[:n], plainEnd(n, err)
	}
	var n int
	var failed error
	err := s.raw.Read(func(fd uintptr) bool {
		s.lent = chunks.Get().(*chunk)
		var again bool
		if n, again, failed = readNow(fd, s.lent[:]); again {
			s.done()
			return false
		}
		return true
	})
	if err == nil {
		err = failed
	}
	if err != nil || n <= 0 {
		s.done()
		return nil, err
	}
	return s.lent[:n], nil
}

// plainEnd turns the end of a stream into a read of nothing. Bytes that came
// with an error are handled first; the error comes again.
func plainEnd(n int, err error) error {
	if n > 0 || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// done gives the buffer back.
func (s *source) done() {
	if s.lent != nil {
		chunks.Put(s.lent)
		s.lent = nil
	}
}
