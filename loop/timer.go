package loop

import "time"

// TimerHandler has the callback of a Timer, which runs on the timer's loop.
type TimerHandler interface {
	// Expired is called on the loop at which t was armed. t is no longer armed
	// and may be armed again.
	Expired(t *Timer)
}

// Timer is a timer of a Loop, to be embedded in what it times: arming and
// cancelling allocate nothing and cost a few list operations. Its zero value
// needs Init. Loop-owned: it belongs to the loop that it is armed on, and may
// change loops only while it is not armed.
type Timer struct {
	handler    TimerHandler
	next, prev *Timer
	due        int64 // in ticks; 0 when not armed
}

// Init sets what t calls. It is called once, before t is first armed.
func (t *Timer) Init(h TimerHandler) { t.handler = h }

// Armed reports whether t is armed. Loop-owned.
func (t *Timer) Armed() bool { return t.due != 0 }

type timerFunc func()

func (f timerFunc) Expired(*Timer) { f() }

// Arm makes t expire d after Now, replacing a time set before. t never expires
// early. It is late by up to 2.1 ms, plus the time for which the loop is busy.
// Loop-owned.
func (l *Loop) Arm(t *Timer, d time.Duration) {
	l.own("Loop.Arm")
	if t.due != 0 {
		l.wheel.remove(t)
	}
	l.wheel.add(t, l.Now(), int64(d))
}

// Cancel disarms t; it does nothing when t is not armed. Loop-owned.
func (l *Loop) Cancel(t *Timer) {
	l.own("Loop.Cancel")
	if t.due != 0 {
		l.wheel.remove(t)
	}
}

// AfterFunc calls f on the loop d after Now, unless the timer it returns is
// cancelled before. It allocates; embed a Timer where that matters.
// Loop-owned.
func (l *Loop) AfterFunc(d time.Duration, f func()) *Timer {
	l.own("Loop.AfterFunc")
	t := new(Timer)
	t.Init(timerFunc(f))
	l.Arm(t, d)
	return t
}

// expire calls the timers that are due.
func (l *Loop) expire() {
	if l.wheel.count == 0 {
		return
	}
	now := l.Now() >> tickShift
	if tick := l.wheel.next(); tick > now || l.lags(tick, now) {
		return
	}
	for {
		t := l.wheel.pop(now)
		if t == nil {
			return
		}
		l.callExpired(t)
	}
}

// setTimer makes sure that the loop wakes for its next timer. A wake-up that is
// too early is not replaced: when it comes, the right one is set. That costs
// less than a call for every timer that is cancelled or armed again.
func (l *Loop) setTimer() {
	if l.wheel.count == 0 {
		return
	}
	at := l.wheel.next() << tickShift
	if l.lag.since != 0 {
		at = l.Now() + int64(lagGrace)/8
	}
	if l.alarm == 0 || at < l.alarm {
		l.alarm = at
		l.be.SetTimer(at)
	}
}

// tick is the task that is posted when the backend's timer has expired. The
// turn that runs it also calls the timers that are due.
type tick struct{}

func (tick) Run(l *Loop) { l.alarm = 0 }
