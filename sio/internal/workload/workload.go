// Package workload counts work that waits, and compares it with limits.
package workload

import "sync/atomic"

// Load is work that waits: a number of jobs, and the bytes that they hold. Both
// are one word, so that they change together.
//
//	63      40 39                0
//	|  jobs   |      bytes       |
type Load uint64

const (
	byteBits = 40
	// MaxJobs and MaxBytes are the largest limits of what waits; what passes
	// a limit before it takes effect fits into a Load, too.
	MaxJobs  = 1 << 22
	MaxBytes = 1 << 38
)

// Of returns the load of a number of jobs.
func Of(jobs, bytes int) Load { return Load(jobs)<<byteBits | Load(bytes) }

// Jobs is how many they are.
func (l Load) Jobs() int { return int(l >> byteBits) }

// Bytes is what they hold.
func (l Load) Bytes() int64 { return int64(l & (1<<byteBits - 1)) }

// Gauge is a load that changes. It is safe for concurrent use.
type Gauge struct{ v atomic.Uint64 }

// Load returns the present load.
func (g *Gauge) Load() Load { return Load(g.v.Load()) }

// Add adds l, and returns the load with it.
func (g *Gauge) Add(l Load) Load { return Load(g.v.Add(uint64(l))) }

// Sub takes l out.
func (g *Gauge) Sub(l Load) { g.v.Add(-uint64(l)) }

// Take takes l out and returns what is left. It reports false when not all of l
// is there.
func (g *Gauge) Take(l Load) (left Load, ok bool) {
	for {
		have := g.Load()
		if have.Jobs() < l.Jobs() || have.Bytes() < l.Bytes() {
			return have, false
		}
		if g.v.CompareAndSwap(uint64(have), uint64(have-l)) {
			return have - l, true
		}
	}
}

// Clear takes everything out.
func (g *Gauge) Clear() Load { return Load(g.v.Swap(0)) }

// Limits are how much may wait.
type Limits struct {
	Jobs  int
	Bytes int64
}

// Passed reports whether a load is larger than may be.
func (m Limits) Passed(l Load) bool { return l.Jobs() > m.Jobs || l.Bytes() > m.Bytes }

// Reached reports whether a load is as large as may be.
func (m Limits) Reached(l Load) bool { return l.Jobs() >= m.Jobs || l.Bytes() >= m.Bytes }

// Of returns each of n equal parts; a part is never nothing.
func (m Limits) Of(n int) Limits {
	return Limits{max(m.Jobs/n, 1), max(m.Bytes/int64(n), 1)}
}
