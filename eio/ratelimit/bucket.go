package ratelimit

import (
	"cmp"
	"fmt"
	"math"
	"time"
)

// Limit is a rate and a burst: at most burst tokens at once, and one more each
// interval. The zero value is no limit. Immutable.
type Limit struct {
	interval int64 // ns
	depth    int64 // ns: burst times interval
}

// New returns a limit. perSecond must be positive and finite and burst at least
// 1. Intervals beyond 100 days and bursts that take longer than 100 years to
// refill are lowered to that.
func New(perSecond float64, burst int) Limit {
	const longest, deepest = int64(100 * 24 * time.Hour), math.MaxInt64 / 3
	interval := longest
	if s := float64(time.Second) / perSecond; s < float64(longest) {
		interval = max(int64(s), 1)
	}
	if int64(burst) > deepest/interval {
		return Limit{interval, deepest / interval * interval}
	}
	return Limit{interval, int64(burst) * interval}
}

// Parse is New for what an operator has set: perSecond 0 is no limit, and burst
// 0 as many as perSecond, rounded up. field is what an error names.
func Parse(field string, perSecond float64, burst int) (Limit, error) {
	switch {
	case !(perSecond >= 0) || math.IsInf(perSecond, 0):
		return Limit{}, fmt.Errorf("%s.PerSecond is %v; it must be positive, or 0 for no limit", field, perSecond)
	case burst < 0:
		return Limit{}, fmt.Errorf("%s.Burst is %d; it must be positive, or 0 for as many as PerSecond", field, burst)
	case perSecond == 0:
		return Limit{}, nil
	}
	return New(perSecond, cmp.Or(burst, int(min(math.Ceil(perSecond), math.MaxInt32)))), nil
}

// On reports whether l is a limit.
func (l Limit) On() bool { return l.interval > 0 }

// Bucket is a bucket of tokens. The zero value is full. It is not safe for
// concurrent use.
type Bucket int64

// Take takes a token. If there is none it takes nothing and returns how long it
// takes until there is one.
func (b *Bucket) Take(l Limit, now int64) (wait time.Duration) {
	if wait = b.Wait(l, now); wait == 0 {
		b.take(l, now)
	}
	return wait
}

// Owe takes a token that may not be there yet. It returns how long it takes
// until the bucket owes none.
func (b *Bucket) Owe(l Limit, now int64) (wait time.Duration) {
	b.take(l, now)
	return time.Duration(max(int64(*b)-now-l.depth, 0))
}

// Wait returns how long it takes until there is a token, 0 if there is one.
func (b Bucket) Wait(l Limit, now int64) time.Duration {
	return time.Duration(max(int64(b)-now-(l.depth-l.interval), 0))
}

func (b *Bucket) take(l Limit, now int64) {
	if !l.On() {
		return
	}
	if full := max(int64(*b), now); full <= math.MaxInt64-l.interval {
		*b = Bucket(full + l.interval)
	}
}

// Full reports whether no token is missing.
func (b Bucket) Full(now int64) bool { return int64(b) <= now }
