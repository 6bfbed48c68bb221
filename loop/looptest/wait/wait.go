// Package wait is how the module's tests wait for something: they look for it
// until it is there, and give up so late that a busy machine makes no test fail.
package wait

import (
	"testing"
	"time"
)

// Patience is how long a test waits for what must come. A test that passes never
// waits so long.
const Patience = time.Minute

// Until looks until cond holds, and ends the test when it does not within
// Patience. what names the condition. It is called on the test's goroutine, as
// FailNow demands.
func Until(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	UntilWithin(tb, Patience, what, cond)
}

// UntilWithin is Until for what may take longer.
func UntilWithin(tb testing.TB, patience time.Duration, what string, cond func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// For receives from c, and ends the test when nothing comes within Patience. what
// names the value. A closed channel gives its zero value.
func For[T any](tb testing.TB, what string, c <-chan T) T {
	tb.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(Patience):
		tb.Fatalf("not within %v: %s", Patience, what)
		panic("unreachable")
	}
}
