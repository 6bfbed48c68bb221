package loop

import (
	"runtime"
	"runtime/metrics"
	"sync"
	"time"
)

// collector collects garbage when loops ask for it, at most once an interval.
// It is safe for concurrent use.
//
// When most connections have left, there is garbage, but little is allocated.
// So the runtime does not collect until its periodic collection, minutes later,
// and pools keep their buffers until the collection after that. The collector
// only has these collections happen sooner. The runtime's scavenger, and so
// GOGC and GOMEMLIMIT, decide what goes back to the system, and when.
// debug.FreeOSMemory would also return the pages that the rest of the program
// is about to use. If the runtime has collected often enough meanwhile, the
// collector does nothing.
type collector struct {
	collect  func()
	cycles   func() uint64 // the number of collections so far
	delay    time.Duration // loops that ask within it share a collection
	interval time.Duration

	mu    sync.Mutex // guards what follows
	asked bool       // a collection is due
	since uint64     // cycles when collectSoon was last called
	last  time.Time  // when a collection last started
}

// processMemory is shared by all engines, because the heap is.
var processMemory = collector{
	collect: func() {
		runtime.GC()
		runtime.GC() // empties the pools, which survive one collection
	},
	cycles:   collections,
	delay:    time.Second,
	interval: 30 * time.Second,
}

// enoughCycles is how many collections of the runtime replace ours: one may
// have been under way already, and pools survive one.
const enoughCycles = 3

// collections returns the number of collections that the runtime has completed.
func collections() uint64 {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// collectSoon makes sure that a collection starts after now. It does not wait
// for it.
func (r *collector) collectSoon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.since = r.cycles()
	if r.asked {
		return
	}
	r.asked = true
	delay := r.delay
	if !r.last.IsZero() {
		delay = max(delay, r.interval-time.Since(r.last))
	}
	time.AfterFunc(delay, r.run)
}

func (r *collector) run() {
	r.mu.Lock()
	enough := r.cycles()-r.since >= enoughCycles
	r.asked = false
	if !enough {
		r.last = time.Now()
	}
	r.mu.Unlock()
	if !enough {
		r.collect()
	}
}
