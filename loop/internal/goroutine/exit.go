package goroutine

import (
	"errors"
	"net"
	"os"
	"time"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// exit is how a stream leaves its loop: it is closed or released.
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

// Close has the writing goroutine close the connection after what it was given,
// within farewell.
func (s *Stream) Close(backend.Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exit = &exit{timer: time.AfterFunc(farewell, s.cut)}
	s.startWrite()
}

// close closes the connection.
func (s *Stream) close() {
	finished := false
	defer s.survive("Close", &finished, func() {})
	_ = s.nc.Close()
	finished = true
}

// cut closes the connection underneath, which does not wait for the peer.
func (s *Stream) cut() {
	finished := false
	defer s.survive("Close", &finished, func() {})
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

// Release ends the goroutines of a Plain stream without closing it. taken is
// called once they have ended, on a goroutine of its own.
func (s *Stream) Release(taken func(Released)) {
	s.mu.Lock()
	s.exit = &exit{taken: taken}
	_ = s.nc.SetDeadline(past)
	s.settle()
	s.mu.Unlock()
	if s.Held {
		s.Held = false
		s.Drop()
	}
}

// settle gives a released stream away when its goroutines have ended. The
// caller holds mu and has just ended one of them, or there are none.
func (s *Stream) settle() {
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
