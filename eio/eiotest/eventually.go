package eiotest

import (
	"testing"
	"time"
)

// Timeout is how long a test waits for anything. It is long, so that a test that is
// right is so on a busy machine too.
const Timeout = 30 * time.Second

// look is the time between two looks of [Eventually].
const look = time.Millisecond

// Eventually waits until cond, which it calls again and again on the caller's
// goroutine, reports true. After [Timeout] it fails the test; what says in a few
// words what cond stands for.
func Eventually(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(Timeout); !cond(); time.Sleep(look) {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %v: %s", Timeout, what)
		}
	}
}

// Receive waits for a value from c.
func Receive[T any](tb testing.TB, c <-chan T) T {
	tb.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(Timeout):
		tb.Fatalf("nothing came within %v", Timeout)
		panic("unreachable")
	}
}
