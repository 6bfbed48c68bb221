package sio

import (
	"context"
	"errors"
	"time"
)

// ErrTimeout tells that the time given with Timeout has passed. It matches
// context.DeadlineExceeded too.
var ErrTimeout error = timeoutError{}

type timeoutError struct{}

func (timeoutError) Error() string { return "sio: operation has timed out" }

// Timeout makes it a net.Error like other timeouts.
func (timeoutError) Timeout() bool { return true }

func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// deadline limits ctx to d, unless that is 0.
func deadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, d, ErrTimeout)
}

// cause replaces an error of ctx that comes from a Timeout by ErrTimeout.
func cause(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && context.Cause(ctx) == ErrTimeout {
		return ErrTimeout
	}
	return err
}
