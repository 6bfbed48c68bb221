package loop

import "time"

// HastenShrink makes loops check their numbers after d instead of seconds,
// until the function that it returns is called. No loop may run at either time.
func HastenShrink(d time.Duration) (restore func()) {
	rest, delay, interval := shrinkInterval, processMemory.delay, processMemory.interval
	shrinkInterval, processMemory.delay, processMemory.interval = d, d, d
	return func() { shrinkInterval, processMemory.delay, processMemory.interval = rest, delay, interval }
}

// SetNotice sets the id of the last writability notice of l. Loop-owned.
func SetNotice(l *Loop, id uint32) { l.notice = id }
