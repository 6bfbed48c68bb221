package invariants

import (
	"reflect"
	"testing"
)

// TestOrder: an order of locks that closes a circle panics although nothing
// blocks.
func TestOrder(t *testing.T) {
	type outer struct{}
	type middle struct{}
	type inner struct{}
	a, b, c := reflect.TypeFor[outer](), reflect.TypeFor[middle](), reflect.TypeFor[inner]()
	order := newLockOrder()
	defer Broken.Store(nil)
	nested := func(first, second reflect.Type) (broken bool) {
		defer func() { broken = recover() != nil }()
		order.before(first)
		defer order.after(first)
		order.before(second)
		order.after(second)
		return false
	}
	for i, step := range []struct{ broken, want bool }{
		{nested(a, b), false},
		{nested(b, c), false},
		{nested(a, c), false},
		{nested(c, a), true},
		{nested(b, a), true},
		{nested(a, b), false},
		{nested(a, a), false},
	} {
		if step.broken != step.want {
			t.Errorf("step %d: broken is %v", i, step.broken)
		}
	}
	order.hold(b)
	if !nested(a, b) {
		t.Error("a lock that was only tried does not count as held")
	}
	order.after(b)
	if len(order.held) > 0 {
		t.Errorf("%v are held", order.held)
	}
}
