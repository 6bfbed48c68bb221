// Package dice has random numbers for tests. Their seed is logged, so a test
// that failed can be repeated with the same numbers.
package dice

import (
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Dice is a source of random numbers. Safe for concurrent use: goroutines that
// share it get the same numbers again only in the same order of calls.
type Dice struct {
	mu  sync.Mutex
	rnd *rand.Rand
}

// New returns a source whose seed it logs. The environment variable SEED sets
// the seed.
func New(tb testing.TB) *Dice {
	tb.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			tb.Fatalf("SEED: %v", err)
		}
	}
	tb.Logf("SEED=%d", seed)
	return &Dice{rnd: rand.New(rand.NewPCG(seed, 0))}
}

// Int returns a number of 0 to n-1.
func (d *Dice) Int(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rnd.IntN(n)
}

// Duration returns a duration of 0 to limit, without limit itself.
func (d *Dice) Duration(limit time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(d.rnd.Int64N(int64(limit)))
}
