package adapter

import "errors"

var (
	// ErrOverloaded is returned for what can't be sent to other servers now, because too
	// much waits to be sent to them already. Nothing of it was done; it may be tried
	// again later.
	ErrOverloaded = errors.New("sio: too much waits to be sent to other servers")
	// ErrTooLarge is returned for what can't be sent to other servers because it is larger
	// than what they are connected by carries.
	ErrTooLarge = errors.New("sio: too large to be sent to other servers")
)
