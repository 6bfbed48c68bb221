package goroutine

import (
	"runtime"
	"sync"
	"testing"
)

// TestCurrent compares with what the runtime says, for goroutines that change
// their threads, their stacks and each other's processors.
func TestCurrent(t *testing.T) {
	for name, current := range map[string]func() uintptr{"current": Current, "parsed": parsed} {
		const goroutines = 100
		var mu sync.Mutex
		seen := make(map[uintptr]bool)
		var all, done sync.WaitGroup
		all.Add(goroutines)
		for range goroutines {
			done.Go(func() {
				id := current()
				mu.Lock()
				seen[id] = true
				mu.Unlock()
				all.Done()
				all.Wait() // all live at the same time
				for range 100 {
					runtime.Gosched()
					if deep(100, current) != id {
						t.Errorf("%s: a goroutine's number has changed", name)
						return
					}
				}
			})
		}
		done.Wait()
		if len(seen) != goroutines || seen[0] {
			t.Errorf("%s: %d goroutines have %d numbers", name, goroutines, len(seen))
		}
	}
}

func deep(n int, f func() uintptr) uintptr {
	var stack [128]byte
	if n > 0 {
		return deep(n-1, f) + uintptr(stack[n])
	}
	return f()
}

func BenchmarkCurrent(b *testing.B) {
	for b.Loop() {
		Current()
	}
}
