package dice_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/dice"
)

// TestSeed: SEED repeats the numbers, and another seed gives others.
func TestSeed(t *testing.T) {
	roll := func(seed string) (list []time.Duration) {
		t.Setenv("SEED", seed)
		d := dice.New(t)
		for range 20 {
			list = append(list, time.Duration(d.Int(1000)), d.Duration(time.Second))
		}
		return list
	}
	if first, again := roll("7"), roll("7"); !slices.Equal(first, again) {
		t.Errorf("seed 7 gives %v, then %v", first, again)
	}
	if slices.Equal(roll("7"), roll("8")) {
		t.Error("seeds 7 and 8 give the same numbers")
	}
}
