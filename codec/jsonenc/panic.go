package jsonenc

import (
	"fmt"
	"runtime/debug"
)

// PanicError is a panic of one of a value's own methods, such as MarshalJSON,
// while the value was encoded.
type PanicError struct {
	Value any    // of the panic
	Stack []byte // of the goroutine
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic while encoding: %v", e.Value) }

// Unwrap returns the panic's value if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Rescue turns a panic into a [*PanicError] in err. It must be deferred.
func Rescue(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{v, debug.Stack()}
	}
}
