package loop_test

import (
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
)

// precision is what a timer may be late by.
const precision = 4 * time.Millisecond

func TestTimersFireInTime(t *testing.T) {
	lt := looptest.New(t)
	l := lt.Loop()
	distances := []time.Duration{0, 1, time.Millisecond, 20 * time.Millisecond, 133 * time.Millisecond, 135 * time.Millisecond,
		time.Second, 8 * time.Second, 25 * time.Second, 20 * time.Minute, 11 * time.Hour, 30 * 24 * time.Hour}
	fired := 0
	l.PostFunc(func() {
		began := l.Now()
		for _, d := range distances {
			l.AfterFunc(d, func() {
				fired++
				if late := time.Duration(l.Now()-began) - d; late < 0 || late > precision {
					t.Errorf("timer of %v is late by %v", d, late)
				}
			})
		}
	})
	lt.Advance(31 * 24 * time.Hour)
	if fired != len(distances) {
		t.Fatalf("%d of %d timers fired", fired, len(distances))
	}
	if lt.Alarms() != 0 {
		t.Fatal("a loop without timers asks to be woken")
	}
}

// beat re-arms itself.
type beat struct {
	loop.Timer
	l     *loop.Loop
	count int
	every time.Duration
}

func (b *beat) Expired(t *loop.Timer) {
	b.count++
	b.l.Arm(t, b.every)
}

func TestTimerRearmAndCancel(t *testing.T) {
	lt := looptest.New(t)
	l := lt.Loop()
	b := &beat{l: l, every: time.Second}
	b.Init(b)
	l.PostFunc(func() { l.Arm(&b.Timer, b.every) })
	lt.Advance(100*time.Second + 100*precision)
	if b.count != 100 {
		t.Fatalf("%d beats, want 100", b.count)
	}
	l.PostFunc(func() { l.Arm(&b.Timer, time.Minute) }) // later than before
	lt.Advance(59 * time.Second)
	if b.count != 100 {
		t.Fatal("a re-armed timer kept its old time")
	}
	l.PostFunc(func() {
		l.Cancel(&b.Timer)
		l.Cancel(&b.Timer)
		if b.Armed() {
			t.Error("a cancelled timer is armed")
		}
	})
	lt.Advance(time.Hour)
	if b.count != 100 || lt.Alarms() != 0 {
		t.Fatalf("%d beats, %d alarms after Cancel", b.count, lt.Alarms())
	}
}

func TestTimerCancelsItsNeighbours(t *testing.T) {
	lt := looptest.New(t)
	l := lt.Loop()
	fired := 0
	var all []*loop.Timer
	l.PostFunc(func() {
		for range 3 {
			all = append(all, l.AfterFunc(time.Millisecond, func() {
				fired++
				for _, other := range all {
					l.Cancel(other)
				}
			}))
		}
	})
	lt.Advance(time.Second)
	if fired != 1 {
		t.Fatalf("%d timers fired, want the first one only", fired)
	}
}
