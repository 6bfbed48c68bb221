package forward

import (
	"fmt"
	"net"
	"time"
)

const (
	// step is how many bytes a connection must take or deliver within
	// Config.Stall.
	step = 4 << 10
	// maxHead and maxFields bound the head of an answer: its bytes, and its
	// field lines.
	maxHead   = 64 << 10
	maxFields = 256
)

// writeSteadily writes b to conn, each step of it within stall.
func writeSteadily(conn net.Conn, b []byte, stall time.Duration) error {
	for len(b) > 0 {
		part := b[:min(len(b), step)]
		if err := conn.SetWriteDeadline(time.Now().Add(stall)); err != nil {
			return err
		}
		if _, err := conn.Write(part); err != nil {
			return err
		}
		b = b[len(part):]
	}
	return nil
}

// steady reads an answer, each step of it within stall, and fails when the head
// is too long. http.ReadResponse bounds neither a line nor the number of lines;
// it does bound the trailers and the chunked framing.
type steady struct {
	conn  net.Conn
	stall time.Duration
	got   int // since the deadline was set
	head  headScan
}

// Read implements io.Reader.
func (s *steady) Read(b []byte) (int, error) {
	if s.got == 0 {
		if err := s.conn.SetReadDeadline(time.Now().Add(s.stall)); err != nil {
			return 0, err
		}
	}
	n, err := s.conn.Read(b)
	if s.got += n; s.got >= step {
		s.got = 0
	}
	if scanned := s.head.scan(b[:n]); scanned != nil {
		return 0, scanned
	}
	return n, err
}

// headScan counts bytes and lines of a head until it has ended.
type headScan struct {
	bytes, lines int
	filled       bool // the current line is not empty
	ended        bool
}

// scan continues with b.
func (h *headScan) scan(b []byte) error {
	for _, c := range b {
		if h.ended {
			return nil
		}
		if h.bytes++; h.bytes > maxHead {
			return fmt.Errorf("%w: a head of more than %d bytes", ErrAnswer, maxHead)
		}
		switch c {
		case '\r':
		case '\n':
			if h.lines++; h.lines > 1+maxFields && h.filled {
				return fmt.Errorf("%w: a head of more than %d fields", ErrAnswer, maxFields)
			}
			h.ended, h.filled = !h.filled, false
		default:
			h.filled = true
		}
	}
	return nil
}
