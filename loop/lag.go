package loop

import "time"

const (
	// lateTicks is how late a timer may fire, 21 ms, before the loop reads first.
	lateTicks = 10
	// stopTicks is how late it is, a second, when the process was stopped.
	stopTicks = 512
	// lagGrace is how long what was read elsewhere has to come: by the goroutines
	// of streams, or by other loops on connections that move here.
	lagGrace = 250 * time.Millisecond
	// lagPatience bounds how long peers that never stop sending hold up the
	// timers.
	lagPatience = 5 * time.Second
)

// lag is a loop that has found out how late it is: a timer is overdue, because
// the process was stopped, or starved, or a callback has blocked the loop. Most
// timers judge how long a peer has been silent, and what the peers have sent
// meanwhile waits in the kernel. So no timer fires until that has been read.
//
// A loop that is on time pays nothing: the lag is looked for when a timer is
// due.
type lag struct {
	since int64 // when it was noticed; 0 for none
	grace time.Duration
}

// lags reports whether the timers have to wait, the first of which is due at
// tick. now is the present tick.
func (l *Loop) lags(tick, now int64) bool {
	if l.lag.since == 0 {
		if now-tick <= lateTicks {
			return false
		}
		l.lag = lag{since: l.Now()}
		if now-tick >= stopTicks || len(l.streamed) > 0 {
			l.lag.grace = lagGrace
		}
	}
	waited := time.Duration(l.Now() - l.lag.since)
	if waited < l.lag.grace || waited < lagPatience && l.be.Unread() {
		return true
	}
	l.lag = lag{}
	return false
}

// Late reports whether a timer that was due at the given time would have fired
// long ago if the loop were on time: then the peers' silence must not be judged
// now. The loop does it when it has read what they have sent.
func (l *Loop) Late(due time.Duration) bool {
	return l.Now()>>tickShift-int64(due)>>tickShift > lateTicks
}
