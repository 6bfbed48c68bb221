package loop

import "time"

const (
	// ebbPeak is the least number of connections whose leaving matters: with
	// what a connection costs, about a megabyte.
	ebbPeak = 1024
	// ebbBytes is the least number of bytes whose release matters. Fewer are
	// soon used again.
	ebbBytes = 16 << 20
)

// ebbRest is between two looks at the connections: as long as they are fewer
// each time, more of them are about to leave.
var ebbRest = 5 * time.Second

// ebb notices that most of what a loop had has gone for good, of its
// connections or of the bytes that are held for their peers, and then gives up
// what was kept for so many: the loop's spare outboxes, and through reclaim the
// memory of the process. It costs nothing while less than half has gone.
// Loop-owned.
//
//	peak           ┌───────┐
//	               │       └──┐
//	half of it  ───┼──────────┼──────── below: the timer is armed
//	         ──────┘          └──┐
//	                             └───── at rest: reclaim, and this is the new peak
type ebb struct {
	loop    *Loop
	least   int64 // the peak that matters
	n       int64 // how many there are
	peak    int64 // most at a time since the last ebb
	lowest  int64 // how many there were when the timer was armed
	timer   Timer
	reclaim func()
}

func (e *ebb) init(l *Loop, least int64) {
	e.loop, e.least, e.reclaim = l, least, processMemory.reclaim
	e.timer.Init(e)
}

// rose tells that there are n, more than before.
func (e *ebb) rose(n int64) {
	e.n = n
	e.peak = max(e.peak, n)
}

// fell tells that there are n, fewer than before.
func (e *ebb) fell(n int64) {
	e.n = n
	if e.peak < e.least || n >= e.peak/2 || e.timer.Armed() {
		return
	}
	e.lowest = n
	e.loop.Arm(&e.timer, ebbRest)
}

// Expired looks whether the number has come to rest.
func (e *ebb) Expired(*Timer) {
	switch {
	case e.n >= e.peak/2: // they are back
		return
	case e.n < e.lowest:
		e.lowest = e.n
		e.loop.Arm(&e.timer, ebbRest)
		return
	}
	e.peak = e.n
	e.loop.spare = nil
	e.reclaim()
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
