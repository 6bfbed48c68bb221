package simulation

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"
)

var (
	seedFlag = flag.Uint64("seed", 1, "the first seed; 0 draws one")
	forFlag  = flag.Duration("for", 2*time.Second, "for how long seeds are run")
	lines    = flag.Bool("lines", false, "print the trace")
)

func run(t *testing.T, seed uint64, opt Options, skip func(int) bool, keep bool) (r Result) {
	runtime.GC()
	runtime.GC() // empties the pools: channels in them belong to the bubble that has ended
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, seed)
		r = Run(t, seed, opt, skip, keep)
	})
	return r
}

func all(int) bool { return false }

func TestSimulate(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	began := time.Now()
	for n := 0; n == 0 || time.Since(began) < *forFlag; n++ {
		opt := Draw(seed)
		r := run(t, seed, opt, all, *lines)
		for _, l := range r.Lines {
			fmt.Println(l)
		}
		t.Logf("seed %d: %x %+v %s", seed, r.Hash, opt, r.Figures)
		for _, f := range r.Failures {
			t.Errorf("seed %d: %s", seed, f)
		}
		if t.Failed() {
			return
		}
		if raceEnabled {
			seed++
			continue // the race detector makes the order of goroutines random
		}
		again := run(t, seed, opt, all, *lines)
		if again.Hash != r.Hash {
			t.Errorf("seed %d: %x, then %x", seed, r.Hash, again.Hash)
			for i := range r.Lines {
				if i >= len(again.Lines) || again.Lines[i] != r.Lines[i] {
					t.Errorf("line %d:\n%s\n%s", i, r.Lines[i], again.Lines[i])
					break
				}
			}
			return
		}
		seed++
	}
}
