package loop

import (
	"runtime"
	"sync"
	"time"
)

const (
	reclaimDelay    = time.Second // so that loops which ask together share a collection
	reclaimInterval = 30 * time.Second
)

// reclaimer collects garbage when loops ask for it, at most once an interval. It
// is safe for concurrent use.
//
// A mass disconnection leaves garbage and then silence: nothing is allocated, so
// nothing starts a collection until the runtime's own one, minutes later, and
// pools keep their buffers for one more. The collections here come sooner, no
// more: what goes back to the system, and how fast, is left to the runtime's
// scavenger and so to GOGC and GOMEMLIMIT. debug.FreeOSMemory would also return
// the pages that the rest of the program is about to use.
type reclaimer struct {
	collect func()

	mu    sync.Mutex // guards what follows
	asked bool       // a collection is going to start
	last  time.Time  // when one last started
}

// processMemory is shared by all engines, because the heap is.
var processMemory = reclaimer{collect: func() {
	runtime.GC()
	runtime.GC() // empties the pools, which survive one
}}

// reclaim makes sure that a collection starts after now. It does not wait for it.
func (r *reclaimer) reclaim() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked {
		return
	}
	r.asked = true
	delay := reclaimDelay
	if !r.last.IsZero() {
		delay = max(delay, reclaimInterval-time.Since(r.last))
	}
	time.AfterFunc(delay, r.run)
}

func (r *reclaimer) run() {
	r.mu.Lock()
	r.asked, r.last = false, time.Now()
	r.mu.Unlock()
	r.collect()
}
