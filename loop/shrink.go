package loop

import "time"

const (
	// shrinkPeak is the least number of connections whose leaving matters: with
	// what a connection costs, about a megabyte.
	shrinkPeak = 1024
	// shrinkBytes is the least number of bytes whose release matters. Fewer are
	// soon used again.
	shrinkBytes = 16 << 20
)

// shrinkInterval is between two looks at the connections: as long as they are fewer
// each time, more of them are about to leave.
var shrinkInterval = 5 * time.Second

// shrinkDetector notices that most of what a loop had has gone for good, of its
// connections or of the bytes that are held for their peers, and then gives up
// what was kept for so many: the loop's spare outboxes, and through collectSoon the
// memory of the process. It costs nothing while less than half has gone.
// Loop-owned.
//
//	peak           ┌───────┐
//	               │       └──┐
//	half of it  ───┼──────────┼──────── below: the timer is armed
//	         ──────┘          └──┐
//	                             └───── at rest: collectSoon, and this is the new peak
type shrinkDetector struct {
	loop        *Loop
	least       int64 // the peak that matters
	n           int64 // how many there are
	peak        int64 // most at a time since the last collection
	lowest      int64 // how many there were when the timer was armed
	timer       Timer
	collectSoon func()
}

func (e *shrinkDetector) init(l *Loop, least int64) {
	e.loop, e.least, e.collectSoon = l, least, processMemory.collectSoon
	e.timer.Init(e)
}

// rose is called when there are n, more than before.
func (e *shrinkDetector) rose(n int64) {
	e.n = n
	e.peak = max(e.peak, n)
}

// fell is called when there are n, fewer than before.
func (e *shrinkDetector) fell(n int64) {
	e.n = n
	if e.peak < e.least || n >= e.peak/2 || e.timer.Armed() {
		return
	}
	e.lowest = n
	e.loop.Arm(&e.timer, shrinkInterval)
}

// Expired looks whether the number has come to rest.
func (e *shrinkDetector) Expired(*Timer) {
	switch {
	case e.n >= e.peak/2: // they are back
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

// Hold tells the loop that n more bytes are held for peers, fewer when n is
// negative: what they have sent and is not dealt with, say, or what their
// sessions take. When most of many have been let go of, the memory is collected
// soon, instead of when the process allocates as much again. Loop-owned.
func (l *Loop) Hold(n int) {
	if held := l.bytes.n + int64(n); n > 0 {
		l.bytes.rose(held)
	} else {
		l.bytes.fell(held)
	}
}
