package redis

import (
	"slices"
	"time"
)

// keptEntry is an own packet that waits for its turn in the stream. Its fields are
// guarded by stream.mu, deliver is called with stream.turn held.
type keptEntry struct {
	deliver func(offset string)
	since   time.Time
	sent    bool
}

// met is the packet's turn.
func (k *keptEntry) met(id string) {
	k.sent = true
	k.deliver(id)
}

// awaitTurn has an entry that was queued delivered when its turn comes, or
// OrderTimeout is over. st.mu is held.
func (st *stream) awaitTurn(number uint64, k *keptEntry) {
	k.since = time.Now()
	st.waiting[number] = k
	st.inOrder = append(st.inOrder, k)
	wait := st.cfg.OrderTimeout
	if st.lost {
		wait = 0
	}
	if st.timer == nil || wait == 0 && st.timer.Stop() {
		st.timer = time.AfterFunc(wait, func() {
			now := time.Now()
			if st.isLost() {
				now = now.Add(st.cfg.OrderTimeout)
			}
			st.overdue(now)
		})
	}
}

func (st *stream) isLost() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.lost
}

// overdue delivers what has waited too long at a time, in the order in which it
// was queued.
func (st *stream) overdue(now time.Time) {
	st.turn.Lock()
	defer st.turn.Unlock()
	for {
		st.mu.Lock()
		// What had its turn is among them still.
		st.inOrder = slices.DeleteFunc(st.inOrder, func(k *keptEntry) bool { return k.sent })
		if len(st.inOrder) == 0 {
			st.timer, st.inOrder = nil, nil
			st.mu.Unlock()
			return
		}
		k := st.inOrder[0]
		if wait := k.since.Add(st.cfg.OrderTimeout).Sub(now); wait > 0 {
			st.timer = time.AfterFunc(wait, func() { st.overdue(time.Now()) })
			st.mu.Unlock()
			return
		}
		st.mu.Unlock()
		k.sent = true
		k.deliver("")
	}
}
