// Package backend is the seam between a loop's logic and what moves its bytes:
// sockets under gnet, goroutines over a net.Conn, or memory in tests.
package backend

import (
	"net"
	"time"
)

// Socket is one connection's transport. Only its identity and descriptor matter
// to the loop.
type Socket interface {
	// Fd is the number that Wire's methods take. It is negative for a socket
	// that is its own Wire.
	Fd() int
}

// Wire is the writing and closing side of sockets. Its methods are called on
// their loop's goroutine.
type Wire interface {
	// Send writes without blocking and returns how much the kernel took. A
	// full send buffer is (n, nil) with n < len(b).
	Send(fd int, b []byte) (n int, err error)
	// Sendv is Send over several buffers, which are borrowed until it returns.
	Sendv(fd int, bufs [][]byte) (n int, err error)
	// CloseWrite ends the sending half of the stream.
	CloseWrite(fd int) error
	// HungUp reports whether the peer's end of the stream has come, though not yet
	// to the loop.
	HungUp(fd int) bool
	// Unacknowledged is for how long the peer's host has acknowledged nothing, though
	// there was something to acknowledge; 0 when that is not known.
	Unacknowledged(fd int) time.Duration
	// Pause stops reading from s. Bytes and the end of the stream wait until Resume;
	// what was read before may still be reported.
	Pause(s Socket) error
	// Resume reads from a paused s again. It precedes Close and Detach, too.
	Resume(s Socket) error
	// Watch asks for one notice, carrying id, when fd takes bytes again.
	// again tells that fd was watched before and not unwatched since.
	Watch(fd int, id uint32, again bool) error
	// Unwatch forgets fd. It precedes Close and Detach of a watched socket.
	Unwatch(fd int)
	// Close closes the socket. No further event of it reaches the loop.
	Close(s Socket)
}

// Backend serves one loop. Its methods are called on that loop's goroutine,
// except Wake, which is safe for concurrent use.
type Backend interface {
	Wire
	// Detach takes the socket out of this loop without closing the stream and
	// returns what another loop's Attach takes.
	Detach(s Socket) (stream any, err error)
	// Attach opens a detached stream on this backend's loop, announcing it
	// with ticket. It returns at once; failed is called from any goroutine
	// when it does not come about. Safe for concurrent use.
	Attach(stream, ticket any, failed func(error))
	// Release takes the socket out of this loop without closing the stream.
	// taken is called on a goroutine of its own, with the stream or with the
	// reason why it is lost.
	Release(s Socket, taken func(net.Conn, error))
	// Unread reports whether there may be events that the loop was not told of.
	Unread() bool
	// Wake makes the loop run a turn soon.
	Wake()
	// SetTimer makes the loop run a turn at the given time, replacing the
	// time set before.
	SetTimer(at int64)
	// Now is the monotonic clock in nanoseconds.
	Now() int64
}
