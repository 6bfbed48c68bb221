package loop

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestReclaimIsSharedAndRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		r := &reclaimer{}
		r.collect = func() {
			at = append(at, time.Since(begin))
			if len(at) == 1 {
				r.reclaim() // asked for while one runs: it may miss what is garbage now
			}
		}
		for range 4 { // loops
			r.reclaim()
		}
		time.Sleep(5 * reclaimInterval)
		synctest.Wait()
		if len(at) != 2 || at[0] != reclaimDelay || at[1] != reclaimDelay+reclaimInterval {
			t.Errorf("collected after %v, want %v and %v", at, reclaimDelay, reclaimDelay+reclaimInterval)
		}
		r.reclaim()
		time.Sleep(reclaimInterval)
		synctest.Wait()
		if len(at) != 3 || at[2] != 5*reclaimInterval+reclaimDelay {
			t.Errorf("collected after %v, want a third time %v after the request", at, reclaimDelay)
		}
	})
}
