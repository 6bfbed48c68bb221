package loop

import "time"

const (
	// lateTicks is how late a timer may be, 21 ms, before the loop reads first.
	lateTicks = 10
	// stopTicks is how late a timer is, a second, if the process was stopped.
	stopTicks = 512
	// lagGrace is how long timers wait for what is read elsewhere: by the
	// goroutines of streams, or by other loops on connections that move here.
	lagGrace = 250 * time.Millisecond
	// lagPatience bounds how long peers that never stop sending delay the
	// timers.
	lagPatience = 5 * time.Second
)

// lag is set while a loop is late: a timer is overdue because the process was
// stopped, got no processor, or a callback has blocked the loop. Most timers
// check for how long a peer was silent, and what peers have sent meanwhile
// waits in the kernel. So no timer expires until that was read.
//
// A loop that is on time pays nothing: it checks for a lag when a timer is due.
type lag struct {
	since int64 // when the lag was noticed; 0 for none
	grace time.Duration
}

// lags reports whether the timers must wait. The first of them is due at tick;
// now is the present tick.
func (l *Loop) lags(tick, now int64) bool {
	if l.lag.since == 0 {
		if now-tick <= lateTicks {
			return false
		}
		l.lag = lag{since: l.Now()}
		l.counters.lags.Add(1)
		l.counters.lagTicks.Add(now - tick)
		if now-tick >= stopTicks || len(l.streamSockets) > 0 {
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

// Late reports whether a timer that was due at the given time is overdue
// because the loop is late. Then the caller must not take a peer as silent now:
// its timer expires when the loop has read what the peers have sent.
func (l *Loop) Late(due time.Duration) bool {
	l.own("Loop.Late")
	return l.Now()>>tickShift-int64(due)>>tickShift > lateTicks
}
