package loop

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCollectionsAreSharedAndRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const delay, interval = time.Second, 30 * time.Second
		begin := time.Now()
		var at []time.Duration
		r := &collector{cycles: func() uint64 { return 0 }, delay: delay, interval: interval}
		r.collect = func() {
			at = append(at, time.Since(begin))
			if len(at) == 1 {
				// The collection that runs may miss what is garbage now.
				r.collectSoon()
			}
		}
		for range 4 { // loops
			r.collectSoon()
		}
		time.Sleep(5 * interval)
		synctest.Wait()
		if len(at) != 2 || at[0] != delay || at[1] != delay+interval {
			t.Errorf("collected after %v, want %v and %v", at, delay, delay+interval)
		}
		r.collectSoon()
		time.Sleep(interval)
		synctest.Wait()
		if len(at) != 3 || at[2] != 5*interval+delay {
			t.Errorf("collected after %v, want a third time %v after the request", at, delay)
		}
	})
}

// TestTheRuntimesCollectionsCount: what the runtime has collected since the
// last request is not collected again.
func TestTheRuntimesCollectionsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const delay = 10 * time.Second
		var cycles atomic.Uint64
		collected := 0
		r := &collector{collect: func() { collected++ }, cycles: cycles.Load, delay: delay}
		for _, c := range []struct {
			before, after uint64 // collections before and after the second
			want          int
		}{{0, 2, 1}, {0, 3, 1}, {3, 0, 2}, {3, 2, 3}, {1, 3, 3}} {
			r.collectSoon()
			time.Sleep(delay / 2)
			cycles.Add(c.before)
			r.collectSoon()
			cycles.Add(c.after)
			time.Sleep(delay)
			synctest.Wait()
			if collected != c.want {
				t.Fatalf("%d and %d of the runtime's: collected %d times, want %d", c.before, c.after, collected, c.want)
			}
		}
	})
}

func TestCollectionsAreCounted(t *testing.T) {
	before := collections()
	runtime.GC()
	if collections() <= before {
		t.Error("a collection was not counted")
	}
}
