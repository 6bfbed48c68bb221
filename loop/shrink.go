package loop

import "time"

const (
	// shrinkPeak is the least peak of connections that matters. They take about
	// a megabyte.
	shrinkPeak = 1024
	// shrinkBytes is the least peak of bytes that matters. Fewer are soon used
	// again.
	shrinkBytes = 16 << 20
)

// shrinkInterval is between two checks of the number. If it is less than at the
// last check, it may fall further.
var shrinkInterval = 5 * time.Second

// shrinkDetector watches a number of connections, or of bytes that are held for
// peers. When it has fallen below half of its peak and no longer falls, the
// detector drops the loop's spare outboxes and calls collectSoon. It costs
// nothing while the number is above that half. Loop-owned.
//
//	peak           ┌───────┐
//	               │       └──┐
//	half of it  ───┼──────────┼──────── below: the timer is armed
//	         ──────┘          └──┐
//	                             └───── at rest: collectSoon; a new peak begins
type shrinkDetector struct {
	loop        *Loop
	least       int64 // the least peak that matters
	n           int64 // the number
	peak        int64 // the highest n since the last collection
	lowest      int64 // n when the timer was armed
	timer       Timer
	collectSoon func()
}

func (e *shrinkDetector) init(l *Loop, least int64) {
	e.loop, e.least, e.collectSoon = l, least, processMemory.collectSoon
	e.timer.Init(e)
}

// rose sets the number to n, which is more than before.
func (e *shrinkDetector) rose(n int64) {
	e.n = n
	e.peak = max(e.peak, n)
}

// fell sets the number to n, which is less than before.
func (e *shrinkDetector) fell(n int64) {
	e.n = n
	if e.peak < e.least || n >= e.peak/2 || e.timer.Armed() {
		return
	}
	e.lowest = n
	e.loop.Arm(&e.timer, shrinkInterval)
}

// Expired checks whether the number still falls.
func (e *shrinkDetector) Expired(*Timer) {
	switch {
	case e.n >= e.peak/2: // it has risen again
		return
	case e.n < e.lowest:
		e.lowest = e.n
		e.loop.Arm(&e.timer, shrinkInterval)
		return
	}
	e.peak = e.n
	e.loop.spare = nil
	e.collectSoon()
}

// Hold counts n more bytes that are held for peers, or fewer if n is negative:
// what they have sent and is not handled yet, or what their sessions take. When
// most of many bytes are released, garbage is collected soon, instead of when
// the process has allocated as much again. Loop-owned.
func (l *Loop) Hold(n int) {
	l.own("Loop.Hold")
	if held := l.bytes.n + int64(n); n > 0 {
		l.bytes.rose(held)
	} else {
		l.bytes.fell(held)
	}
}
