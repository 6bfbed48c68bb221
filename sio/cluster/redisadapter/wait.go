package redisadapter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/internal/await"
)

// errFull is returned for a message that does not fit into a queue.
var errFull = fmt.Errorf("%w: %w", cluster.ErrOverloaded, ErrQueueFull)

// waitQueue is the calls that wait until their messages fit into a full queue,
// the oldest first. So a large message gets its place although small ones would
// fit. The lock of the queue guards it.
type waitQueue[T any] []*waiter[T]

// waiter is a call that waits.
type waiter[T any] struct {
	message T
	done    chan error // gets the outcome
}

// add appends a call.
func (q *waitQueue[T]) add(message T) *waiter[T] {
	w := &waiter[T]{message, make(chan error, 1)}
	*q = append(*q, w)
	return w
}

// admit calls decide for each waiting message, and ends the call with the error
// that decide returns, until decide reports false.
func (q *waitQueue[T]) admit(decide func(message T) (decided bool, err error)) {
	n := 0
	for _, w := range *q {
		decided, err := decide(w.message)
		if !decided {
			break
		}
		w.done <- err
		n++
	}
	if *q = slices.Delete(*q, 0, n); len(*q) == 0 {
		*q = nil // frees the array
	}
}

// remove removes a call. It reports false if the call was decided.
func (q *waitQueue[T]) remove(w *waiter[T]) bool {
	i := slices.Index(*q, w)
	if i < 0 {
		return false
	}
	*q = slices.Delete(*q, i, i+1)
	return true
}

// removeFunc ends the calls for which del reports true with err.
func (q *waitQueue[T]) removeFunc(del func(message T) bool, err error) {
	*q = slices.DeleteFunc(*q, func(w *waiter[T]) bool {
		if !del(w.message) {
			return false
		}
		w.done <- err
		return true
	})
}

// wait waits for the outcome. If there is none within limit, or before ended is
// closed, decided is false, and err is errFull or ErrClosed. The lock must not
// be held.
func (w *waiter[T]) wait(limit time.Duration, ended <-chan struct{}) (decided bool, err error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-w.done:
		return true, err
	case <-timer.C:
		return false, errFull
	case <-ended:
		return false, ErrClosed
	}
}

// pause waits for d. It reports false if ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// errUnreturned is the error of a call that has ended its goroutine, as the
// functions of a client's options may do. Its outcome is not known.
var errUnreturned = errors.New("redisadapter: a function of the client's options has ended its goroutine")

// within calls f, and waits for it until ctx ends. f goes on then.
func within(ctx context.Context, f func() error) error {
	if ctx.Done() == nil {
		return f()
	}
	_, err, returned := await.Within(ctx, 0, errUnreturned, func() (struct{}, error) { return struct{}{}, f() })
	if !returned {
		return ctx.Err()
	}
	return err
}

// wake wakes the goroutine that receives from c, whose capacity is 1.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
