// Package backend is the interface between a loop's logic and what moves its
// bytes. Package gnetpoll implements it over gnet and epoll, package goroutine
// over net.Conn, and package looptest in memory.
//
// An [Engine] has one [Backend] for each loop. A backend whose poller holds
// descriptors also has [Sockets]; all other connections bring their own [Wire].
package backend

import (
	"errors"
	"log/slog"
	"net"
	"time"
)

// Errors that package loop exports.
var (
	ErrShutdown = errors.New("loop: engine is shut down")
	ErrStopped  = errors.New("loop: engine stopped unexpectedly")
	ErrRejected = errors.New("loop: connection rejected")
	ErrPanic    = errors.New("loop: callback panicked")
)

// StopGrace is how long Shutdown waits, beyond its context, for loops to end.
const StopGrace = time.Second

// Config is what an engine is made of.
type Config struct {
	// Host is the engine that is served.
	Host Host
	// Listen makes the engine listen on Addr, "host:port".
	Listen bool
	Addr   string
	Loops  int
	Logger *slog.Logger
	// The kernel's buffer sizes in bytes; 0 leaves them to the kernel.
	SocketRecvBuffer, SocketSendBuffer int
}

// Host is what an Engine calls. Its methods are safe for concurrent use.
type Host interface {
	// Ended reports that the loops have ended, with the reason or nil. It is
	// called once, if Start was called, on a goroutine that may act for the
	// loops from now on.
	Ended(err error)
	// Accepted makes an accepted connection, which is consumed, one of the
	// loop's. It returns when the loop has opened or refused the connection.
	Accepted(loop int, nc net.Conn)
	// BeginAttach announces a connection that is on its way to or from a loop:
	// Halt is not called before EndAttach. It is false once the engine stops.
	BeginAttach() bool
	EndAttach()
	// Stopping reports whether the engine stops.
	Stopping() bool
}

// Engine runs loops. Its methods are safe for concurrent use, except Start and
// Close.
type Engine interface {
	// Addr is the address that the engine listens on; nil for none.
	Addr() net.Addr
	// Backend returns what serves a loop. sockets is nil when the poller holds
	// no descriptors.
	Backend(loop int) (be Backend, sockets Sockets)
	// Start runs the loops and returns when connections are accepted. When it
	// fails, Halt must be called too, and Ended still follows.
	Start(loops []Loop) error
	// StopAccepting closes the listening sockets.
	StopAccepting() error
	// AcceptFailures is how often accept has failed.
	AcceptFailures() int64
	// Exhausted reports whether s has one of the descriptors that are kept for
	// the rest of the process.
	Exhausted(s Socket) bool
	// Halt ends the loops. It may be called more than once.
	Halt()
	// Close releases what the engine still has after Ended.
	Close()
}

// Conn is a connection of a loop.
type Conn interface {
	// Backend is that of the connection's loop.
	Backend() Backend
}

// Loop is a loop as its backend calls it: on the loop's goroutine, except for
// Tick and Writable, which are safe for concurrent use.
type Loop interface {
	// Open makes s a connection. handoff is what was given to Enroll or Attach,
	// or nil for a connection that was accepted. The result is nil if the loop
	// refuses s.
	Open(s Socket, remote net.Addr, handoff any) Conn
	// Receive delivers bytes that were read, borrowed until it returns.
	Receive(c Conn, b []byte)
	// Lose reports the end of a connection that the loop has not closed. err is
	// io.EOF, the system's error, or nil if the engine ends.
	Lose(c Conn, err error)
	// Turn runs what was posted and writes what is queued. It follows Wake.
	Turn()
	// Continue is called by Backend.Idle and runs what was posted since. c is
	// Idle's connection if more events may be pending of those that the poller
	// reported together with its own, and nil otherwise.
	Continue(c Conn)
	// Tick reports that the time given to SetTimer has come.
	Tick()
	// Writable is the notice that Watch asked for.
	Writable(notice uint32)
}

// Socket is one connection's transport.
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
	// HungUp reports whether the kernel has the end of the peer's stream, which
	// the loop may not have read yet.
	HungUp(fd int) bool
	// Unacknowledged is for how long the peer's host has acknowledged nothing
	// of the bytes on their way to it; 0 if there are none, or if that is not
	// known.
	Unacknowledged(fd int) time.Duration
	// Pause stops reading from s. Bytes and the end of the stream wait until
	// Resume; what was read before may still be reported.
	Pause(s Socket) error
	// Resume reads from a paused s again. It precedes Close and Detach, too.
	Resume(s Socket) error
	// Watch asks for one notice, carrying id, when fd takes bytes again.
	// again reports that fd was watched before and not unwatched since.
	Watch(fd int, id uint32, again bool) error
	// Unwatch forgets fd. It precedes Close and Detach of a watched socket.
	Unwatch(fd int)
	// Close closes the socket. No further event of it reaches the loop.
	Close(s Socket)
}

// Sockets are the descriptors that a loop's poller holds. Its methods are
// called on the loop's goroutine, except those that say otherwise.
type Sockets interface {
	Wire
	// Holds reports whether the poller can hold nc. Safe for concurrent use.
	Holds(nc net.Conn) bool
	// Enroll opens nc, which is consumed, on the loop and waits for it. It must
	// not be called on the loop's goroutine. Safe for concurrent use.
	Enroll(nc net.Conn, handoff any) error
	// Detach takes the socket out of this loop without closing the stream and
	// returns what another loop's Attach takes.
	Detach(s Socket) (stream any, err error)
	// Attach opens a detached stream on this loop. It returns at once; failed
	// is called from any goroutine when that is not possible. Safe for
	// concurrent use.
	Attach(stream, handoff any, failed func(error))
	// Release takes the socket out of this loop without closing the stream.
	// taken is called on a goroutine of its own, with the stream or with the
	// error by which it was lost.
	Release(s Socket, taken func(net.Conn, error))
}

// Backend serves one loop. Its methods are called on that loop's goroutine,
// except Wake, which is safe for concurrent use.
type Backend interface {
	// Wake makes the loop run a turn soon.
	Wake()
	// SetTimer asks for a Tick at the given time, replacing the time set
	// before.
	SetTimer(at int64)
	// Now is the monotonic clock in nanoseconds.
	Now() int64
	// Unread reports whether the kernel may have events that the backend has
	// not passed to the loop.
	Unread() bool
	// Idle is called at the end of the burst in which c received bytes, or,
	// with a nil c, of a turn. The backend may wait here for events and call
	// Loop.Continue.
	Idle(c Conn)
}
