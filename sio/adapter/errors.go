package adapter

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"
)

var (
	// ErrOverloaded is returned for a message that can't be sent to other
	// servers now, because too much waits to be sent to them. Nothing was done.
	// The caller may try again later.
	ErrOverloaded = errors.New("sio: too much waits to be sent to other servers")
	// ErrTooLarge is returned for a message that is larger than the connection
	// of the servers carries.
	ErrTooLarge = errors.New("sio: too large to be sent to other servers")
	// ErrName is returned for names of rooms, events and namespaces that are
	// not UTF-8 and would be sent to other servers or clients: JSON,
	// MessagePack and JavaScript have no such strings.
	ErrName = errors.New("sio: name is not UTF-8")
	// ErrTimeout is returned when a time limit has passed. It is also
	// context.DeadlineExceeded. All packages use this one value.
	ErrTimeout error = timeoutError{}
)

type timeoutError struct{}

func (timeoutError) Error() string { return "sio: operation has timed out" }

// Timeout makes it a net.Error like other timeouts.
func (timeoutError) Timeout() bool { return true }

func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// EndOf returns why ctx, which is done, ended: an error that is ctx.Err and the
// cause of ctx, and also ErrTimeout if a deadline has passed.
func EndOf(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = ErrTimeout
	}
	if cause == nil || cause == ctx.Err() || errors.Is(cause, err) {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// TimedOut returns err, wrapped with ErrTimeout if err is
// context.DeadlineExceeded.
func TimedOut(err error) error {
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrTimeout) {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return err
}

// CheckNames returns an error, which is [ErrName], for the first name in lists
// that is not UTF-8.
func CheckNames(lists ...[]string) error {
	for _, list := range lists {
		for _, name := range list {
			if err := CheckName(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckName is CheckNames for one name.
func CheckName(name string) error {
	if !utf8.ValidString(name) {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	return nil
}
