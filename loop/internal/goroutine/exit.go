package goroutine

import (
	"errors"
	"net"
	"os"
	"time"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// exit has the state of a stream that is closed or released.
type exit struct {
	timer *time.Timer // bounds the closing

	// Of a release; taken is nil for a close.
	taken  func(Released)
	unread []byte
	unsent []byte
}

func (e *exit) released() bool { return e != nil && e.taken != nil }

// Released is a connection without goroutines, or the reason why it is lost.
type Released struct {
	Conn   net.Conn
	Unread []byte // was read but not delivered
	Unsent []byte // was accepted but not written
	Err    error
}

// past is a deadline that interrupts reading and writing.
var past = time.Unix(1, 0)

// Close has the writing goroutine write what it was given and close the
// connection, within closeTimeout.
func (s *Stream) Close(backend.Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exit = &exit{timer: time.AfterFunc(closeTimeout, s.cut)}
	s.startWrite()
}

// close closes the connection.
func (s *Stream) close() {
	finished := false
	defer s.recoverCall("Close", &finished, func() {})
	_ = s.nc.Close()
	finished = true
}

// cut closes the innermost connection, which does not wait for the peer.
func (s *Stream) cut() {
	finished := false
	defer s.recoverCall("Close", &finished, func() {})
	nc := s.nc
	for {
		over, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		nc = over.NetConn()
	}
	_ = nc.Close()
	finished = true
}

// Release ends the goroutines of a Plain stream without closing the net.Conn.
// taken is called once they have ended, on a goroutine of its own.
func (s *Stream) Release(taken func(Released)) {
	s.mu.Lock()
	s.exit = &exit{taken: taken}
	_ = s.nc.SetDeadline(past)
	s.tryGive()
	s.mu.Unlock()
	if s.Held {
		s.Held = false
		s.Drop()
	}
}

// tryGive calls taken if the stream is released and its goroutines have ended.
// The caller holds mu.
func (s *Stream) tryGive() {
	if !s.exit.released() || s.state&(reading|writing) != 0 {
		return
	}
	e := s.exit
	if s.err != nil {
		_ = s.nc.Close()
		go e.taken(Released{Err: s.err})
		return
	}
	_ = s.nc.SetDeadline(time.Time{})
	go e.taken(Released{Conn: s.nc, Unread: e.unread, Unsent: e.unsent})
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
