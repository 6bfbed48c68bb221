package loop

import "time"

// TimerHandler is what a Timer calls on its loop.
type TimerHandler interface {
	// Expired is called on the loop at which t was armed. t is no longer armed
	// and may be armed again.
	Expired(t *Timer)
}

// Timer is a timer of a Loop, meant to be embedded in what it times: arming
// and cancelling allocate nothing and cost a few list operations. Its zero
// value needs Init. Loop-owned: it belongs to the loop it is armed on, and may
// change loops only while it is not armed.
type Timer struct {
	handler    TimerHandler
	next, prev *Timer
	due        int64 // in ticks; 0 when not armed
}

// Init sets what t calls. It is called once, before t is first armed.
func (t *Timer) Init(h TimerHandler) { t.handler = h }

// Armed tells whether t is going to expire. Loop-owned.
func (t *Timer) Armed() bool { return t.due != 0 }

type timerFunc func()

func (f timerFunc) Expired(*Timer) { f() }

// Arm makes t expire d after Now, replacing a time set before. It never expires
// early and is late by up to 2.1 ms plus what the loop is busy with. Loop-owned.
func (l *Loop) Arm(t *Timer, d time.Duration) {
	if t.due != 0 {
		l.wheel.remove(t)
	}
	l.wheel.add(t, l.Now(), int64(d))
}

// Cancel disarms t; it does nothing when t is not armed. Loop-owned.
func (l *Loop) Cancel(t *Timer) {
	if t.due != 0 {
		l.wheel.remove(t)
	}
}

// AfterFunc calls f on the loop d after Now, unless the timer it returns is
// cancelled before. It allocates; embed a Timer where that matters.
// Loop-owned.
func (l *Loop) AfterFunc(d time.Duration, f func()) *Timer {
	t := new(Timer)
	t.Init(timerFunc(f))
	l.Arm(t, d)
	return t
}

// expire fires what is due.
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

// setTimer makes sure that the loop wakes for its next timer. A wake-up that
// is too early is left alone: when it comes the right one is set, which is
// cheaper than following every cancelled or re-armed timer.
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

// tick is the task of the backend's timer having gone off. The turn that runs
// it fires what is due.
type tick struct{}

func (tick) Run(l *Loop) { l.alarm = 0 }
