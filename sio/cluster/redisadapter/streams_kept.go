package redisadapter

import "time"

// keptEntry is an own packet that waits for its turn in the stream. Its fields are
// guarded by stream.mu, deliver is called with stream.turn held.
type keptEntry struct {
	deliver func(offset string)
	since   time.Time
	size    int
	sent    bool
}

// awaitTurn has an entry that was queued delivered when its turn comes, or
// OrderTimeout is over. When too many wait, as nothing is read, the oldest that were
// delivered won't be told of their turns. st.mu is held.
func (st *stream) awaitTurn(e *entry, k *keptEntry) {
	k.size = len(e.data)
	st.waiting[e.number] = k
	st.waitingBytes += k.size
	for !st.turnsFit(0) && st.oldest().sent {
		st.forgotten = st.eldest
		st.waitNoMore(st.eldest)
	}
	st.lineUp(k, time.Now())
}

// turnsFit reports whether as many packets, and size bytes more, may wait for their
// turns. st.mu is held.
func (st *stream) turnsFit(size int) bool {
	return len(st.waiting) <= 1 || len(st.waiting) <= 2*st.cfg.MaxQueued && st.waitingBytes+size <= 2*st.cfg.MaxQueuedBytes
}

// oldest is the first packet that waits for its turn; there is one. st.mu is held.
func (st *stream) oldest() *keptEntry {
	for st.waiting[st.eldest] == nil {
		st.eldest++
	}
	return st.waiting[st.eldest]
}

// lineUp has a packet delivered when its turn comes, or when OrderTimeout is over since
// some time and those before it were delivered. st.mu is held.
func (st *stream) lineUp(k *keptEntry, since time.Time) {
	k.since = since
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
		for len(st.inOrder) > 0 && st.inOrder[0].sent {
			st.inOrder[0] = nil
			st.inOrder = st.inOrder[1:]
		}
		if len(st.inOrder) == 0 {
			st.inOrder = nil
			st.disarm()
			st.mu.Unlock()
			return
		}
		st.admitWaiting() // there may be room for more turns
		k := st.inOrder[0]
		if wait := k.since.Add(st.cfg.OrderTimeout).Sub(now); wait > 0 {
			st.arm(wait)
			st.mu.Unlock()
			return
		}
		k.sent = true
		st.mu.Unlock()
		k.deliver("")
	}
}
