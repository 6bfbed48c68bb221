package cluster

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// gate lets calls in until it is shut. A call may be made inside another one,
// which is why it is no RWMutex. Safe for concurrent use.
type gate struct {
	calls atomic.Int64 // that are in; shutGate is added when it is shut
	once  sync.Once
	empty chan struct{} // closed when it is shut and nobody is in any more
}

const shutGate = math.MinInt64 / 2

// enter reports whether the gate is open; then leave must follow.
func (g *gate) enter() bool {
	if g.calls.Add(1) > 0 {
		return true
	}
	g.leave()
	return false
}

func (g *gate) leave() {
	if g.calls.Add(-1) == shutGate {
		g.once.Do(func() { close(g.empty) })
	}
}

// shut closes the gate, once, and waits until everybody has left, for limit at most.
func (g *gate) shut(limit time.Duration) {
	g.calls.Add(shutGate + 1)
	g.leave()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-g.empty:
	case <-timer.C:
	}
}
