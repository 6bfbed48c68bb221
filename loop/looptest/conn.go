package looptest

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/internal/backend"
)

// Conn is the peer's end of an in-memory connection.
type Conn struct {
	m       *member
	conn    *loop.Conn
	fd      int
	sent    []byte
	sends   int
	forgets bool
	room    int // bytes taken before the sends block; negative without limit
	failure error
	notice  uint32
	watched bool // by the loop's watcher
	waiting bool // for a notice
	ended   bool // the server has closed its sending half
	hungUp  bool // HangUp was called
	paused  bool // the loop does not read
	closed  bool
	unread  []byte // fed while paused, until Run
	peerEnd error  // of PeerFail while paused, until Run
	attach  func() // completes a move; nil when there is none
	moveErr error  // fails the next move

	// During a move between loops:
	early    []byte // was fed
	earlyEnd error  // of PeerFail
}

// RemoteAddr is the address of in-memory peers, unless they are given another.
var RemoteAddr = netip.MustParseAddrPort("192.0.2.1:4321")

// Connect opens a connection on the first loop.
func (ls *Loops) Connect(accept func(*loop.Conn) loop.Handler) *Conn {
	return ls.ConnectTo(0, accept)
}

// ConnectTo opens a connection on the loop with the given index.
func (ls *Loops) ConnectTo(index int, accept func(*loop.Conn) loop.Handler) *Conn {
	return ls.ConnectFrom(index, RemoteAddr, accept)
}

// ConnectFrom is ConnectTo for a peer with another address.
func (ls *Loops) ConnectFrom(index int, remote netip.AddrPort, accept func(*loop.Conn) loop.Handler) *Conn {
	ls.lastFD++
	c := &Conn{m: ls.members[index], fd: ls.lastFD, room: -1}
	ls.conns[c.fd] = c
	c.conn = c.m.driver.Open(c, remote, accept, nil)
	return c
}

// Fd implements the backend's Socket.
func (c *Conn) Fd() int { return c.fd }

// Conn returns the server's end: after a move, the new one.
func (c *Conn) Conn() *loop.Conn { return c.conn }

// Feed delivers b as one read. The handler gets a copy. Nothing is delivered if
// the connection is closed.
func (c *Conn) Feed(b []byte) {
	if c.attach != nil {
		c.early = append(c.early, b...)
		return
	}
	if c.paused || len(c.unread) > 0 {
		c.unread = append(c.unread, b...)
		return
	}
	c.m.driver.Receive(c.conn, append([]byte(nil), b...))
}

// Sent returns what was written to the peer since it was last called.
func (c *Conn) Sent() []byte {
	b := c.sent
	c.sent = nil
	return b
}

// Forget makes the peer keep nothing of what is written to it from now on.
func (c *Conn) Forget() { c.forgets, c.sent = true, nil }

// Sends returns the number of calls of the backend's Send and Sendv since it
// was last called, those that have sent nothing included.
func (c *Conn) Sends() int {
	n := c.sends
	c.sends = 0
	return n
}

// Block makes the peer stop reading: nothing more can be written.
func (c *Conn) Block() { c.room = 0 }

// BlockAfter makes the peer stop reading after n more bytes.
func (c *Conn) BlockAfter(n int) { c.room = n }

// Unblock makes the peer read again. What is queued is written by Run.
func (c *Conn) Unblock() {
	c.room = -1
	if c.waiting {
		c.waiting = false
		c.m.driver.Writable(c.notice)
	}
}

// Break makes every later write fail with err, or with syscall.EPIPE if err is
// nil, as if the peer were gone.
func (c *Conn) Break(err error) {
	if err == nil {
		err = syscall.EPIPE
	}
	c.failure = err
}

// FailMove makes the next move of the connection to another loop fail with err:
// see loop.Conn.MoveTo.
func (c *Conn) FailMove(err error) { c.moveErr = err }

// PeerClose ends the connection as the peer's close does.
func (c *Conn) PeerClose() { c.PeerFail(io.EOF) }

// PeerFail ends the connection with an error, such as syscall.ECONNRESET.
func (c *Conn) PeerFail(err error) {
	switch {
	case c.closed:
	case c.attach != nil:
		c.earlyEnd = err
	case c.paused || len(c.unread) > 0:
		c.peerEnd = err
	default:
		c.m.driver.Lose(c.conn, err)
		c.drop()
	}
}

// SentEOF reports whether the server has ended the stream to the peer: it has
// closed the connection, or waits for the peer to close it (see
// loop.Conn.CloseAfterFlush).
func (c *Conn) SentEOF() bool { return c.ended || c.closed }

// Closed reports whether the server or the peer has closed the connection.
func (c *Conn) Closed() bool { return c.closed }

func (c *Conn) drop() {
	c.closed = true
	delete(c.m.conns, c.fd)
}

// Send implements the backend.
func (m *member) Send(fd int, b []byte) (int, error) {
	c := m.conns[fd]
	c.sends++
	if c.failure != nil {
		return 0, c.failure
	}
	return c.take(b), nil
}

// Sendv implements the backend.
func (m *member) Sendv(fd int, bufs [][]byte) (n int, err error) {
	c := m.conns[fd]
	c.sends++
	if c.failure != nil {
		return 0, c.failure
	}
	for _, b := range bufs {
		taken := c.take(b)
		n += taken
		if taken < len(b) {
			break
		}
	}
	return n, nil
}

// CloseWrite implements the backend.
func (m *member) CloseWrite(fd int) error {
	c := m.conns[fd]
	if c.ended {
		m.tb.Error("looptest: the sending half is closed twice")
	}
	c.ended = true
	return c.failure
}

// HangUp has the peer's end reach the kernel, so that loop.Conn.HungUp is true.
// The loop reads the end by PeerClose.
func (c *Conn) HangUp() { c.hungUp = true }

// HungUp implements the backend.
func (m *member) HungUp(fd int) bool {
	c := m.conns[fd]
	return c.hungUp || c.peerEnd != nil
}

// Unacknowledged implements the backend. A peer in memory acknowledges at once.
func (m *member) Unacknowledged(int) time.Duration { return 0 }

// Pause implements the backend.
func (m *member) Pause(s backend.Socket) error {
	c := s.(*Conn)
	if c.paused {
		m.tb.Error("looptest: a connection is paused twice")
	}
	c.paused = true
	return nil
}

// Resume implements the backend. Run reads what has come meanwhile.
func (m *member) Resume(s backend.Socket) error {
	c := s.(*Conn)
	if !c.paused {
		m.tb.Error("looptest: a connection is resumed that is not paused")
	}
	c.paused = false
	m.resumed = append(m.resumed, c)
	return nil
}

// read delivers what has come while the connection was paused.
func (c *Conn) read() {
	if b := c.unread; len(b) > 0 && !c.paused {
		c.unread = nil
		c.Feed(b)
	}
	if err := c.peerEnd; err != nil && !c.paused {
		c.peerEnd = nil
		c.PeerFail(err)
	}
}

// Unread is how many bytes wait in the kernel because the connection is paused.
func (c *Conn) Unread() int { return len(c.unread) }

// take receives b, or as much of it as there is room for.
func (c *Conn) take(b []byte) int {
	if c.ended {
		c.m.tb.Errorf("looptest: %d bytes are sent after the end", len(b))
	}
	n := len(b)
	if c.room >= 0 {
		n = min(n, c.room)
		c.room -= n
	}
	if !c.forgets {
		c.sent = append(c.sent, b[:n]...)
	}
	return n
}

// Watch implements the backend.
func (m *member) Watch(fd int, id uint32, again bool) error {
	c := m.conns[fd]
	if c.watched != again {
		m.tb.Errorf("looptest: Watch(again %v) of a connection whose watch is %v", again, c.watched)
	}
	c.watched = true
	if c.notice = id; c.room < 0 {
		m.driver.Writable(id)
		return nil
	}
	c.waiting = true
	return nil
}

// Unwatch implements the backend.
func (m *member) Unwatch(fd int) {
	if c := m.conns[fd]; c != nil {
		c.watched, c.waiting = false, false
	}
}

// Unread implements the backend.
func (m *member) Unread() bool { return m.unread }

// Close implements the backend.
func (m *member) Close(s backend.Socket) {
	c := s.(*Conn)
	if c.watched || c.paused {
		m.tb.Error("looptest: a watched or paused connection is closed")
	}
	c.drop()
}

// Holds implements the backend: connections in memory are made by Connect.
func (m *member) Holds(net.Conn) bool { return false }

// Enroll implements the backend.
func (m *member) Enroll(net.Conn, any) error { return errors.ErrUnsupported }

// Detach implements the backend.
func (m *member) Detach(s backend.Socket) (any, error) {
	c := s.(*Conn)
	if c.moveErr != nil {
		c.drop()
		return nil, c.moveErr
	}
	c.attach = func() {}
	return c, nil
}

// Release implements the backend. A connection in memory is lost: it has no
// stream.
func (m *member) Release(s backend.Socket, taken func(net.Conn, error)) {
	s.(*Conn).drop()
	go taken(nil, errors.ErrUnsupported)
}

// Attach implements the backend. The next Run opens the connection.
func (m *member) Attach(stream, handoff any, _ func(error)) {
	c := stream.(*Conn)
	c.attach = func() {
		c.attach = nil
		c.m = m
		c.conn = m.driver.Open(c, RemoteAddr, nil, handoff)
		if early := c.early; len(early) > 0 {
			c.early = nil
			c.Feed(early)
		}
		if c.earlyEnd != nil {
			c.PeerFail(c.earlyEnd)
		}
	}
	m.arrivals = append(m.arrivals, c)
}
