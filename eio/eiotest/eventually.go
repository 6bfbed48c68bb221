package eiotest

import (
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// Timeout is how long a test waits for anything.
const Timeout = wait.Patience

// Eventually is [wait.Until].
func Eventually(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	wait.Until(tb, what, cond)
}

// Receive waits for a value from c.
func Receive[T any](tb testing.TB, c <-chan T) T {
	tb.Helper()
	return wait.For(tb, "a value", c)
}
