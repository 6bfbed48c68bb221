package loop

import (
	"context"
	"time"
)

// Lag returns for each loop how long a task that is posted to it now waits
// until it runs. A loop that has not run it when ctx ends counts with the time
// until then, one that has ended with 0. It costs the loops a task each and is
// meant for a look once in some seconds. Safe for concurrent use; it must not
// be called on a loop, which would wait for itself.
func (e *Engine) Lag(ctx context.Context) []time.Duration {
	type ran struct {
		loop int
		lag  time.Duration
	}
	lags := make([]time.Duration, len(e.loops))
	asked := make([]bool, len(e.loops))
	answers := make(chan ran, len(e.loops)) // no loop waits for the caller
	began := time.Now()
	waiting := 0
	for i, l := range e.loops {
		asked[i] = l.PostFunc(func() { answers <- ran{i, time.Since(began)} })
		if asked[i] {
			waiting++
		}
	}
	for ; waiting > 0; waiting-- {
		select {
		case a := <-answers:
			lags[a.loop], asked[a.loop] = a.lag, false
		case <-ctx.Done():
			for i := range lags {
				if asked[i] {
					lags[i] = time.Since(began)
				}
			}
			return lags
		case <-e.done:
			return lags
		}
	}
	return lags
}
