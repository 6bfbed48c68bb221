package redisadapter

import "time"

// keptEntry is an own packet that waits for its place in the stream. stream.mu
// guards its fields, deliver is called with stream.delivering held.
type keptEntry struct {
	deliver func(offset string)
	since   time.Time
	size    int
	sent    bool
}

// awaitPlace has a queued entry delivered when it is read from the stream, or
// after OrderTimeout. If too many wait, because nothing is read, the oldest
// delivered ones are forgotten, and get no offset. st.mu is held.
func (st *stream) awaitPlace(e *entry, k *keptEntry) {
	k.size = len(e.data)
	st.waiting[e.number] = k
	st.waitingBytes += k.size
	for !st.placesFit(0) && st.oldest().sent {
		st.forgotten = st.eldest
		st.waitNoMore(st.eldest)
	}
	st.deliverInOrder(k, time.Now())
}

// placesFit reports whether the packets, and size bytes more, may wait for
// their places. st.mu is held.
func (st *stream) placesFit(size int) bool {
	return len(st.waiting) <= 1 || len(st.waiting) <= 2*st.cfg.MaxQueued && st.waitingBytes+size <= 2*st.cfg.MaxQueuedBytes
}

// oldest returns the first packet that waits for its place. There must be one.
// st.mu is held.
func (st *stream) oldest() *keptEntry {
	for st.waiting[st.eldest] == nil {
		st.eldest++
	}
	return st.waiting[st.eldest]
}

// deliverInOrder has a packet delivered OrderTimeout after since, when those
// before it were delivered. st.mu is held.
func (st *stream) deliverInOrder(k *keptEntry, since time.Time) {
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

// waitNoMore removes and returns the packet with a number, or nil. st.mu is
// held.
func (st *stream) waitNoMore(number uint64) *keptEntry {
	k := st.waiting[number]
	if k != nil {
		delete(st.waiting, number)
		st.waitingBytes -= k.size
	}
	return k
}

// arm sets the timer. st.mu is held.
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

// overdue delivers the packets that have waited for OrderTimeout, in the order
// in which they were queued.
func (st *stream) overdue(now time.Time) {
	st.delivering.Lock()
	defer st.delivering.Unlock()
	for {
		st.mu.Lock()
		// Those that were delivered at their places are still in the list.
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
		st.admitWaiting() // more packets may wait now
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
