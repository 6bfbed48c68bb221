// Package await waits for calls of code that may not return: the application's,
// or an adapter's.
package await

import (
	"context"
	"time"
)

// Within calls f on a goroutine of its own. It waits for f until ctx is done,
// and then for grace. returned reports whether f has returned. If it has not, f
// goes on, and its results are dropped. If f ends its goroutine, err is
// unreturned. A panic of f ends the process, so f must recover if the code that
// it calls may panic.
func Within[T any](ctx context.Context, grace time.Duration, unreturned error, f func() (T, error)) (v T, err error, returned bool) {
	type outcome struct {
		v   T
		err error
	}
	c := make(chan outcome, 1)
	go func() {
		o := outcome{err: unreturned}
		defer func() { c <- o }()
		o.v, o.err = f()
	}()
	select {
	case o := <-c:
		return o.v, o.err, true
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case o := <-c:
		return o.v, o.err, true
	case <-timer.C:
		return v, nil, false
	}
}
