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
	size    int
	sent    bool
}

// met is the packet's turn.
func (k *keptEntry) met(id string) {
	k.sent = true
	k.deliver(id)
}

// awaitTurn has an entry that was queued delivered when its turn comes, or
// OrderTimeout is over. When too many wait, as nothing is read, the oldest won't be
// told of their turns. st.mu is held.
func (st *stream) awaitTurn(e *entry, k *keptEntry) {
	k.since, k.size = time.Now(), len(e.data)
	st.waiting[e.number] = k
	st.waitingBytes += k.size
	for len(st.waiting) > 1 && (len(st.waiting) > 2*st.cfg.MaxQueued || st.waitingBytes > 2*st.cfg.MaxQueuedBytes) {
		st.forgotten = max(st.forgotten, st.met) + 1
		st.waitNoMore(st.forgotten)
	}
	st.inOrder = append(st.inOrder, k)
	wait := st.cfg.OrderTimeout
	if st.lost {
		wait = 0
	}
	if st.timer == nil || wait == 0 && st.timer.Stop() {
		st.arm(wait)
	}
}

// waitNoMore returns the packet of a number, if it waits. st.mu is held.
func (st *stream) waitNoMore(number uint64) *keptEntry {
	k := st.waiting[number]
	if k != nil {
		delete(st.waiting, number)
		st.waitingBytes -= k.size
	}
	return k
}

// arm has the only timer go off after a while. st.mu is held.
func (st *stream) arm(wait time.Duration) {
	st.disarm()
	st.timer = time.AfterFunc(wait, func() {
		now := time.Now()
		if st.isLost() {
			now = now.Add(st.cfg.OrderTimeout)
		}
		st.overdue(now)
	})
}

func (st *stream) disarm() {
	if st.timer != nil {
		st.timer.Stop()
		st.timer = nil
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
			st.inOrder = nil
			st.disarm()
			st.mu.Unlock()
			return
		}
		k := st.inOrder[0]
		if wait := k.since.Add(st.cfg.OrderTimeout).Sub(now); wait > 0 {
			st.arm(wait)
			st.mu.Unlock()
			return
		}
		st.mu.Unlock()
		k.sent = true
		k.deliver("")
	}
}
