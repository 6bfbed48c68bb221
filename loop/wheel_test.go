package loop

import (
	"math/rand/v2"
	"sort"
	"testing"
	"time"
)

const tickLen = int64(1) << tickShift

// TestWheelMatchesModel drives a wheel and a sorted list with the same random
// operations, at distances that touch every level.
func TestWheelMatchesModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var w wheel
	now := int64(time.Second)
	due := map[*Timer]int64{} // ns
	timers := make([]*Timer, 300)
	for i := range timers {
		timers[i] = new(Timer)
	}
	fired := 0
	for range 30_000 {
		switch tm := timers[rng.IntN(len(timers))]; rng.IntN(4) {
		case 0, 1:
			if tm.due != 0 {
				w.remove(tm)
			}
			d := rng.Int64N(1 << (10 + rng.IntN(46)))
			w.add(tm, now, d)
			due[tm] = now + d
		case 2:
			if tm.due != 0 {
				w.remove(tm)
				delete(due, tm)
			}
		case 3:
			now += rng.Int64N(1 << (10 + rng.IntN(36)))
			for tm := w.pop(now >> tickShift); tm != nil; tm = w.pop(now >> tickShift) {
				at, ok := due[tm]
				if !ok {
					t.Fatal("a cancelled timer fired")
				}
				if at > now {
					t.Fatalf("fired %v early", time.Duration(at-now))
				}
				delete(due, tm)
				fired++
			}
			for _, at := range due {
				if at+tickLen <= now {
					t.Fatalf("%v late and not fired", time.Duration(now-at))
				}
			}
		}
		if w.count != len(due) {
			t.Fatalf("wheel counts %d timers, want %d", w.count, len(due))
		}
	}
	if fired < 1000 {
		t.Fatalf("only %d timers fired: the test shows nothing", fired)
	}
}

func TestWheelFiresInOrderAcrossLevels(t *testing.T) {
	var w wheel
	var want []int64
	for level := range wheelLevels {
		for _, ticks := range []int64{1, wheelSlots - 1, wheelSlots, wheelSlots + 1} {
			d := ticks << (slotBits * level)
			if d > 1<<41 {
				continue
			}
			tm := new(Timer)
			w.add(tm, 0, d*tickLen)
			want = append(want, d)
		}
	}
	sort.Slice(want, func(i, j int) bool { return want[i] < want[j] })
	for _, tick := range want {
		if tm := w.pop(tick - 1); tm != nil {
			t.Fatalf("a timer fired before tick %d", tick)
		}
		if tm := w.pop(tick); tm == nil {
			t.Fatalf("nothing fires at tick %d", tick)
		}
	}
	if w.count != 0 {
		t.Fatalf("%d timers are left", w.count)
	}
}

func TestWheelEndOfTime(t *testing.T) {
	now := int64(time.Hour)
	for _, d := range []int64{1<<63 - 1, 1<<63 - 1 - now, -1, 0} {
		var w wheel
		tm := new(Timer)
		w.add(tm, now, d)
		if d <= 0 {
			if w.pop(now>>tickShift+1) != tm {
				t.Errorf("d = %d does not fire with the next tick", d)
			}
		} else {
			if got := w.pop((now + int64(200*365*24*time.Hour)) >> tickShift); got != nil {
				t.Errorf("d = %d fires within 200 years", d)
			}
			w.remove(tm)
		}
		if w.occupied != [wheelLevels]uint64{} || w.count != 0 {
			t.Errorf("d = %d: the wheel is not empty", d)
		}
	}
}
