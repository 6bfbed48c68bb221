package fifo

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestQueue compares a queue with a slice.
func TestQueue(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var q Queue[int]
	var want []int
	for i := range 100_000 {
		switch n := rng.IntN(100); {
		case n < 50+i/1000%10: // long queues and empty ones
			q.Push(i)
			want = append(want, i)
		case n < 99 && len(want) > 0:
			if got := q.Pop(); got != want[0] {
				t.Fatalf("step %d: popped %d, want %d", i, got, want[0])
			}
			want = want[1:]
		default:
			keep := func(v int) bool { return v%3 != 0 }
			q.Filter(keep)
			want = slices.DeleteFunc(slices.Clone(want), func(v int) bool { return !keep(v) })
		}
		if q.Len() != len(want) || !slices.Equal(q.Items(), want) {
			t.Fatalf("step %d: %v, want %v", i, q.Items(), want)
		}
	}
	for q.Len() > 0 {
		q.Pop()
	}
	if cap(q.buf) > keepCapacity {
		t.Errorf("an empty queue holds room for %d", cap(q.buf))
	}
}
