package loop

import (
	"errors"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// Errors that Handler.Closed, Listen, Adopt and Shutdown report.
var (
	// ErrOverflow closes a connection whose peer is too slow: see
	// Conn.Overflow.
	ErrOverflow = errors.New("loop: outbound queue overflow")
	// ErrPanic closes a connection whose callback panicked, or ended its goroutine.
	ErrPanic = backend.ErrPanic
	// ErrShutdown closes the connections that are open when the engine stops,
	// and is returned by calls that come too late.
	ErrShutdown = backend.ErrShutdown
	// ErrStopped is Engine.Err's value when the engine ended without having
	// been asked to.
	ErrStopped = backend.ErrStopped
	// ErrLostMove closes a connection that was lost while it moved to another
	// loop, for the reason that it wraps.
	ErrLostMove = errors.New("loop: connection lost on its way to another loop")
	// ErrRejected refuses to adopt a connection because of a limit or because
	// the engine has stopped accepting.
	ErrRejected = backend.ErrRejected
)
