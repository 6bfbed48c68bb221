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
	// ErrPanic closes a connection whose callback has panicked or has ended its
	// goroutine.
	ErrPanic = backend.ErrPanic
	// ErrShutdown closes the connections that are open when the engine stops.
	// Calls that come after that return it.
	ErrShutdown = backend.ErrShutdown
	// ErrStopped is Engine.Err's value if the engine has ended without
	// Shutdown.
	ErrStopped = backend.ErrStopped
	// ErrNotEnded is part of Shutdown's error if loops or goroutines of
	// connections have not ended yet: a callback, or an adopted connection,
	// blocks, or the machine is very busy.
	ErrNotEnded = errors.New("loop: a callback keeps a loop from ending, or a connection a goroutine")
	// ErrLostMove closes a connection that was lost while it moved to another
	// loop, for the reason that it wraps.
	ErrLostMove = errors.New("loop: connection lost on its way to another loop")
	// ErrRejected is Adopt's error at a limit, or if the engine has stopped
	// accepting.
	ErrRejected = backend.ErrRejected
)
