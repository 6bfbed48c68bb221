package loop

import (
	"net/netip"

	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/invariants"
)

// Handler is what a connection calls, on its loop's goroutine. Callbacks may
// use every method of the connection; what they send or close takes effect
// when they have returned. A callback that panics or ends its goroutine by
// runtime.Goexit closes the connection with ErrPanic. It must unlock what it locks by
// runtime.LockOSThread.
type Handler interface {
	// Data delivers bytes in the order of the stream, all that one read
	// gave, at most 64 KiB. b is borrowed until return and may be written to.
	Data(c *Conn, b []byte)
	// Flushed reports that the outbox has become empty: the kernel took
	// everything that was sent.
	Flushed(c *Conn)
	// Closed ends the handler's life, exactly once and never from within
	// another callback of c. err is nil for a close from this side, io.EOF for
	// the peer's, ErrOverflow, ErrPanic, ErrShutdown, or the system's error.
	Closed(c *Conn, err error)
}

// BlockedHandler is a Handler that wants to know what the kernel refuses.
type BlockedHandler interface {
	// Blocked reports that the kernel did not take everything that was sent:
	// Queued bytes are left.
	Blocked(c *Conn)
}

type connFlags uint16

const (
	isDirty    connFlags = 1 << iota // on the loop's dirty list
	isBlocked                        // on the loop's blocked list
	isWatched                        // known to the backend's watcher
	lingers                          // CloseAfterFlush was called
	moves                            // MoveTo was called
	parts                            // on the loop's parting list, or gone
	isGone                           // closed or moved away
	isPaused                         // Pause was called
	isUnpolled                       // the backend does not read from it
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
	held    *Frame  // what is delivered first by Resume; nil when there is nothing
	ip      [16]byte
	fd      int32
	port    uint16
	flags   connFlags
}

// Loop returns the loop that owns c.
func (c *Conn) Loop() *Loop { return c.loop }

// RemoteAddr is the peer's address, without a zone; IPv4 peers have IPv4
// addresses. It stays valid after close.
func (c *Conn) RemoteAddr() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(c.ip).Unmap(), c.port)
}

// SetHandler replaces the handler.
func (c *Conn) SetHandler(h Handler) { c.handler = h }

// wire is what c is written to and closed by.
func (c *Conn) wire() backend.Wire {
	if c.fd < 0 {
		return c.sock.(backend.Wire)
	}
	return c.loop.sockets
}

// HungUp asks the kernel whether the peer has closed or reset the connection, which the
// loop may not have noticed yet. It is false for a connection that is driven by
// goroutines, and costs a system call otherwise.
func (c *Conn) HungUp() bool { return c.flags&parts == 0 && c.wire().HungUp(int(c.fd)) }

// opened is the burst of a connection having come.
func (l *Loop) opened(c *Conn, t *handoff) {
	l.begin()
	l.admit(c, t)
	l.end(c)
}

// newConn makes s a connection, to be admitted.
func (l *Loop) newConn(s backend.Socket, remote netip.AddrPort, t *handoff) *Conn {
	if t.remote.IsValid() {
		remote = t.remote
	}
	c := &Conn{loop: l, handler: quiet{}, sock: s, fd: int32(s.Fd()), ip: remote.Addr().As16(), port: remote.Port()}
	l.shrink.rose(l.counters.connections.Add(1))
	l.counters.accepted.Add(1)
	return c
}

// admit begins c's life on l and delivers what its handoff carries.
func (l *Loop) admit(c *Conn, t *handoff) {
	if t.out != nil {
		c.out = t.out
		c.setDirty()
	}
	l.callAccept(c, t.accept)
	if len(t.unread) > 0 {
		c.data(t.unread)
	}
}

// received is the burst of bytes having arrived for c.
func (l *Loop) received(c *Conn, b []byte) {
	l.counters.bytesIn.Add(int64(len(b)))
	l.begin()
	c.data(b)
	l.end(c)
	if invariants.Enabled {
		invariants.Mangle(b[:len(b):len(b)]) // the next read would overwrite it
	}
}

func (c *Conn) data(b []byte) {
	switch {
	case c.flags&moves != 0:
		c.loop.follow(c, b)
	case c.flags&lingers != 0:
		if c.flags&parts == 0 {
			c.linger.ignore(len(b))
		}
	case c.flags&isPaused != 0: // read together with what made the handler pause
		c.hold(b)
	case c.flags&parts == 0:
		c.loop.callData(c, b)
	}
}

// quiet is the handler of a connection that has none yet.
type quiet struct{}

func (quiet) Data(*Conn, []byte)  {}
func (quiet) Flushed(*Conn)       {}
func (quiet) Closed(*Conn, error) {}
