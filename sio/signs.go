package sio

import "sync/atomic"

// signs are what any goroutine may have to know of a client, in one word. Safe for
// concurrent use.
type signs struct{ v atomic.Uint32 }

const (
	isThrottled uint32 = 1 << iota // the session is paused until waiting has shrunk
	hasLeft                        // the session is over
)

func (s *signs) has(sign uint32) bool { return s.v.Load()&sign != 0 }

func (s *signs) set(sign uint32) { s.v.Or(sign) }

// clear takes the sign away. It reports false when it was not there.
func (s *signs) clear(sign uint32) bool { return s.v.And(^sign)&sign != 0 }
