package workers

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// steps is a Runnable that runs one function for each Drain. Only the last one
// leaves nothing to run.
type steps []func()

func (s *steps) Drain() (done bool) {
	next := (*s)[0]
	*s = (*s)[1:]
	next()
	return len(*s) == 0
}

// TestPool: a limited number of runnables have workers. Others wait in the order
// in which they came, and one that stops for them waits behind them.
func TestPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pool
		p.Init(1)
		var ran []string
		log := func(what string) func() { return func() { ran = append(ran, what) } }
		hold := make(chan struct{})
		p.Start(&steps{func() { <-hold; log("a1")() }, log("a2")})
		for _, what := range []string{"b", "c", "d"} {
			p.Start(&steps{log(what)})
		}
		synctest.Wait()
		if running, waiting := p.Counts(); running != 1 || waiting != 3 || !p.Crowded() {
			t.Errorf("%d run, %d wait, crowded: %v", running, waiting, p.Crowded())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		close(hold)
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		want := []string{"a1", "b", "c", "d", "a2"}
		for i := range want {
			if len(ran) != len(want) || ran[i] != want[i] {
				t.Fatalf("ran %v, want %v", ran, want)
			}
		}
		if running, waiting := p.Counts(); running != 0 || waiting != 0 {
			t.Errorf("%d run and %d wait at the end", running, waiting)
		}
	})
}

// TestPoolGoexit: a runnable that ends its goroutine is drained again, and takes
// no slot with it.
func TestPoolGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pool
		p.Init(1)
		ran := 0
		for range 3 {
			p.Start(&steps{runtime.Goexit, func() { ran++ }})
		}
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if ran != 3 {
			t.Errorf("%d of 3 were drained again", ran)
		}
	})
}

// TestStopEnds: Stop returns when its context ends, although something runs.
func TestStopEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pool
		p.Init(1)
		hold := make(chan struct{})
		p.Start(&steps{func() { <-hold }})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(hold)
	})
}
