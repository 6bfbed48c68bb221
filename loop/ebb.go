package loop

import "time"

const (
	// ebbPeak is the least number of connections whose leaving matters: with
	// what a connection costs, about a megabyte.
	ebbPeak = 1024
	// ebbRest is between two looks at the connections: as long as they are fewer
	// each time, more of them are about to leave.
	ebbRest = 5 * time.Second
)

// ebb notices that most of a loop's connections have left for good, and then
// gives up what was kept for so many: the loop's spare outboxes, and through
// reclaim the memory of the process. It costs nothing while fewer than half
// have left. Loop-owned.
//
//	peak           ┌───────┐
//	               │       └──┐
//	half of it  ───┼──────────┼──────── below: the timer is armed
//	         ──────┘          └──┐
//	                             └───── at rest: reclaim, and this is the new peak
type ebb struct {
	loop    *Loop
	peak    int64 // most connections at a time since the last ebb
	lowest  int64 // how many there were when the timer was armed
	timer   Timer
	reclaim func()
}

func (e *ebb) init(l *Loop) {
	e.loop, e.reclaim = l, processMemory.reclaim
	e.timer.Init(e)
}

// rose tells that there are n connections, one more than before.
func (e *ebb) rose(n int64) { e.peak = max(e.peak, n) }

// fell tells that there are n connections, one less than before.
func (e *ebb) fell(n int64) {
	if e.peak < ebbPeak || n >= e.peak/2 || e.timer.Armed() {
		return
	}
	e.lowest = n
	e.loop.Arm(&e.timer, ebbRest)
}

// Expired looks whether the connections have come to rest.
func (e *ebb) Expired(*Timer) {
	n := e.loop.counters.connections.Load()
	switch {
	case n >= e.peak/2: // they are back
		return
	case n < e.lowest:
		e.lowest = n
		e.loop.Arm(&e.timer, ebbRest)
		return
	}
	e.peak = n
	e.loop.spare = nil
	e.reclaim()
}
