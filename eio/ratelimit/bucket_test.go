package ratelimit

import (
	"math"
	"testing"
	"time"
)

const second = int64(time.Second)

func TestTake(t *testing.T) {
	l := New(2, 3)
	var b Bucket
	now := 5 * second
	for i := range 3 {
		if wait := b.Take(l, now); wait != 0 {
			t.Errorf("token %d of the burst: %v", i, wait)
		}
	}
	for range 2 { // what is refused takes nothing
		if wait := b.Take(l, now); wait != time.Second/2 {
			t.Errorf("behind the burst: %v", wait)
		}
	}
	if now += second / 2; b.Full(now) || b.Take(l, now) != 0 || b.Take(l, now) == 0 {
		t.Error("after half a second there is not one token")
	}
	if now += 10 * second; !b.Full(now) {
		t.Error("not full after a long time")
	}
	for i := range 4 {
		if wait := b.Take(l, now); (wait == 0) != (i < 3) {
			t.Errorf("token %d after a long time: %v", i, wait)
		}
	}
}

// TestOwe: a sender that waits as long as it owes keeps to the rate.
func TestOwe(t *testing.T) {
	l := New(10, 5)
	var b Bucket
	now, sent := int64(0), 0
	for now < 100*second {
		wait := b.Owe(l, now)
		if sent++; (wait > 0) != (sent > 5) {
			t.Fatalf("event %d: %v", sent, wait)
		}
		now += int64(wait)
	}
	if sent != 1005 {
		t.Errorf("%d events in 100 s", sent)
	}
}

func TestExtremes(t *testing.T) {
	for name, c := range map[string]struct {
		perSecond float64
		burst     int
	}{
		"slow":       {1e-300, 1},
		"slow, many": {1e-300, math.MaxInt},
		"fast":       {1e300, 1},
		"fast, many": {1e300, math.MaxInt},
		"one, many":  {1, math.MaxInt},
		"smallest":   {math.SmallestNonzeroFloat64, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := New(c.perSecond, c.burst)
			for _, now := range []int64{0, 1, 1 << 62} {
				var b Bucket
				if wait := b.Take(l, now); wait != 0 {
					t.Errorf("the first token: %v", wait)
				}
				for range 1000 {
					if wait := b.Owe(l, now); wait < 0 {
						t.Fatalf("%v", wait)
					}
				}
			}
		})
	}
	var b Bucket
	if wait := b.Take(Limit{}, 7); wait != 0 || b != 0 {
		t.Errorf("without a limit: %v, %d", wait, b)
	}
}
