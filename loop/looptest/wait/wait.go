// Package wait has the helpers with which the module's tests wait for a
// condition or a value. Their time limit is so late that no test fails because
// the machine is busy.
package wait

import (
	"testing"
	"time"
)

// Patience is the time limit. A test that passes never waits as long.
const Patience = time.Minute

// Until calls cond until it is true, and ends the test if it is not within
// Patience. what names the condition. Until belongs to the test's goroutine, as
// FailNow does.
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

// For receives from c, and ends the test if nothing comes within Patience. what
// names the value. If c is closed, For returns the zero value.
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
