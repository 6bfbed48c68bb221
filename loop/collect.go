package loop

import (
	"runtime"
	"runtime/metrics"
	"sync"
	"time"
)

// collector collects garbage when loops ask for it, at most once an interval. It
// is safe for concurrent use.
//
// A mass disconnection leaves garbage and then silence: nothing is allocated, so
// nothing starts a collection until the runtime's own one, minutes later, and
// pools keep their buffers for one more. The collections here come sooner, no
// more: what goes back to the system, and how fast, is left to the runtime's
// scavenger and so to GOGC and GOMEMLIMIT. debug.FreeOSMemory would also return
// the pages that the rest of the program is about to use. Where there is no
// silence, and the runtime has collected often enough meanwhile, there is nothing
// left to do.
type collector struct {
	collect  func()
	cycles   func() uint64 // collections so far
	delay    time.Duration // so that loops which ask together share a collection
	interval time.Duration

	mu    sync.Mutex // guards what follows
	asked bool       // a collection is going to start
	since uint64     // collections when it was last asked for
	last  time.Time  // when one last started
}

// processMemory is shared by all engines, because the heap is.
var processMemory = collector{
	collect: func() {
		runtime.GC()
		runtime.GC() // empties the pools, which survive one
	},
	cycles:   collections,
	delay:    time.Second,
	interval: 30 * time.Second,
}

// enoughCycles is how many collections of the runtime's own are as good as ours: one
// may have been under way already, and pools survive one.
const enoughCycles = 3

// collections is how many collections the runtime has completed.
func collections() uint64 {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// collectSoon makes sure that a collection starts after now. It does not wait for it.
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
