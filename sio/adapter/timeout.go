package adapter

import (
	"context"
	"errors"
	"fmt"
)

// ErrTimeout says that a time limit has passed. It is context.DeadlineExceeded, too; all
// packages have this one value.
var ErrTimeout error = timeoutError{}

type timeoutError struct{}

func (timeoutError) Error() string { return "sio: operation has timed out" }

// Timeout makes it a net.Error like other timeouts.
func (timeoutError) Timeout() bool { return true }

func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// EndOf returns why ctx, which has ended, did: an error that is its Err and its Cause,
// and ErrTimeout if a deadline has passed.
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

// TimedOut is err, made ErrTimeout if it is context.DeadlineExceeded.
func TimedOut(err error) error {
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrTimeout) {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return err
}
