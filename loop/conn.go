package loop

import (
	"net/netip"

	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/invariants"
)

// Handler has the callbacks of a connection. They run on its loop's goroutine
// and may call every method of the connection; what they send or close takes
// effect when they have returned. A callback that panics or ends its goroutine
// by runtime.Goexit closes the connection with ErrPanic. A callback must unlock
// what it locks by runtime.LockOSThread.
type Handler interface {
	// Data delivers what one read returned, at most 64 KiB, in the order of
	// the stream. b is borrowed until return and may be written to.
	Data(c *Conn, b []byte)
	// Flushed reports that the outbox has become empty: the kernel has taken
	// everything that was sent.
	Flushed(c *Conn)
	// Closed ends the handler's life, exactly once and never from within
	// another callback of c. err is nil for a close from this side, io.EOF for
	// the peer's, ErrOverflow, ErrPanic, ErrShutdown, or the system's error.
	Closed(c *Conn, err error)
}

// BlockedHandler is a Handler that is also called when the kernel's buffer is
// full.
type BlockedHandler interface {
	// Blocked reports that the kernel has not taken everything that was sent:
	// Queued bytes are left.
	Blocked(c *Conn)
}

type connFlags uint16

const (
	isDirty     connFlags = 1 << iota // on the loop's dirty list
	isBlocked                         // on the loop's blocked list
	isWatched                         // known to the backend's watcher
	isLingering                       // CloseAfterFlush was called
	isMoving                          // MoveTo or Detach was called
	isLeaving                         // a departure of the loop, or gone
	isGone                            // removed from the loop
	isPaused                          // Pause was called
	isUnpolled                        // the backend does not read from it
)

// Conn is one TCP connection of a Loop. It is loop-owned, as are all its
// methods except Loop and RemoteAddr, which are safe for concurrent use.
type Conn struct {
	loop    *Loop
	handler Handler
	sock    backend.Socket
	frame   *Frame  // the only queued frame, when out is nil
	out     *outbox // nil unless more is queued, or part of a frame was sent
	linger  *linger // nil unless lingering
	unread  *Frame  // Resume delivers it first; nil when there is nothing
	ip      [16]byte
	fd      int32
	port    uint16
	flags   connFlags
}

// Loop returns the loop that owns c.
func (c *Conn) Loop() *Loop { return c.loop }

// RemoteAddr returns the peer's address, without a zone. IPv4 peers have IPv4
// addresses. It stays valid after close.
func (c *Conn) RemoteAddr() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(c.ip).Unmap(), c.port)
}

// SetRemoteAddr replaces the peer's address, for instance by one that a trusted
// proxy has named. Its zone is lost. It must be called before other goroutines
// use c.
func (c *Conn) SetRemoteAddr(remote netip.AddrPort) {
	c.loop.own("Conn.SetRemoteAddr")
	c.ip, c.port = remote.Addr().As16(), remote.Port()
}

// SetHandler replaces the handler.
func (c *Conn) SetHandler(h Handler) {
	c.loop.own("Conn.SetHandler")
	c.handler = h
}

// wire returns the backend's side that writes to c and closes it.
func (c *Conn) wire() backend.Wire {
	if c.fd < 0 {
		return c.sock.(backend.Wire)
	}
	return c.loop.sockets
}

// HungUp asks the kernel whether the peer has closed or reset the connection,
// which the loop may not have noticed yet. It costs a system call. Of a
// connection that goroutines drive and that is more than a descriptor, the
// kernel knows nothing, and HungUp is false.
func (c *Conn) HungUp() bool {
	c.loop.own("Conn.HungUp")
	return c.flags&isLeaving == 0 && c.wire().HungUp(int(c.fd))
}

// opened runs the burst in which a connection has come.
func (l *Loop) opened(c *Conn, t *handoff) {
	l.begin()
	l.startConn(c, t)
	l.end(c)
}

// newConn makes s a connection, for startConn.
func (l *Loop) newConn(s backend.Socket, remote netip.AddrPort, t *handoff) *Conn {
	if t.remote.IsValid() {
		remote = t.remote
	}
	c := &Conn{loop: l, handler: noHandler{}, sock: s, fd: int32(s.Fd()), ip: remote.Addr().As16(), port: remote.Port()}
	l.shrink.rose(l.counters.connections.Add(1))
	l.counters.accepted.Add(1)
	return c
}

// startConn calls accept for c and delivers what its handoff carries.
func (l *Loop) startConn(c *Conn, t *handoff) {
	if t.out != nil {
		c.out = t.out
		c.setDirty()
	}
	l.callAccept(c, t.accept)
	if len(t.unread) > 0 {
		c.data(t.unread)
	}
}

// received runs the burst in which bytes have arrived for c.
func (l *Loop) received(c *Conn, b []byte) {
	l.counters.bytesIn.Add(int64(len(b)))
	l.begin()
	c.data(b)
	l.end(c)
	if invariants.Enabled {
		invariants.Mangle(b[:len(b):len(b)]) // the next read would overwrite it
	}
}

// receivedRecords runs the burst in which records of TLS, or parts of them, have
// arrived for c.
func (l *Loop) receivedRecords(c *Conn, b []byte) {
	l.begin()
	c.sock.(*tlsSocket).received(b)
	l.end(c)
	if invariants.Enabled {
		invariants.Mangle(b[:len(b):len(b)])
	}
}

// data passes bytes that were read to the handler, or to what takes its place.
func (c *Conn) data(b []byte) {
	switch {
	case c.flags&isMoving != 0:
		c.loop.addUnread(c, b)
	case c.flags&isLingering != 0:
		if c.flags&isLeaving == 0 {
			c.linger.ignore(len(b))
		}
	case c.flags&isPaused != 0: // read before the backend stopped reading
		c.keep(b)
	case c.flags&isLeaving == 0:
		c.loop.callData(c, b)
	}
}

// noHandler is the handler of a connection that has none yet, or no longer.
type noHandler struct{}

func (noHandler) Data(*Conn, []byte)  {}
func (noHandler) Flushed(*Conn)       {}
func (noHandler) Closed(*Conn, error) {}
