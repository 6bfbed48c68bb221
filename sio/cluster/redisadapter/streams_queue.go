package redisadapter

import (
	"time"
)

// The queue of a stream. If it is full while Redis takes entries, the emitting
// goroutine waits in line, so that no entry overtakes another. A goroutine that
// must not wait, or has waited too long, gets an error. While Redis is away no
// call waits, because the queue may stay full for a long time.

// waitingEntry is an entry that waits for space in the queue.
type waitingEntry struct {
	entry entry
	kept  *keptEntry
	bus   *streamBus
}

// enqueue queues an entry of a bus. Unless kept is nil, the packet is delivered
// at its place in the stream, or, if the entry does not fit while Redis is away
// or after the end, only here. If Redis is there and the entry does not fit,
// enqueue waits for up to QueueTimeout, but not on an event loop. The error is
// ErrQueueFull while Redis is away, ErrClosed, or cluster.ErrOverloaded.
func (st *stream) enqueue(b *streamBus, e entry, kept *keptEntry) error {
	if ended, err := st.admit(e, kept); ended {
		return err
	}
	if !b.mayWait() {
		return st.refuse()
	}
	w, ended, err := st.admitOrWait(waitingEntry{e, kept, b})
	if ended {
		return err
	}
	if decided, err := w.wait(st.cfg.QueueTimeout, nil); decided {
		return err
	}
	if st.giveUp(w) {
		return st.refuse()
	}
	return <-w.done
}

// admit decides about an entry, unless it must wait.
func (st *stream) admit(e entry, kept *keptEntry) (ended bool, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.decide(e, kept)
}

// decide is admit. st.mu is held.
func (st *stream) decide(e entry, kept *keptEntry) (ended bool, err error) {
	switch {
	case st.ended:
		return true, st.leaveOut(&e, kept, ErrClosed)
	case len(st.waitingCalls) > 0:
		return false, nil
	}
	return st.place(e, kept)
}

// place queues an entry, or leaves it out while Redis is away. st.mu is held.
func (st *stream) place(e entry, kept *keptEntry) (found bool, err error) {
	switch {
	case st.fits(&e, kept):
		st.put(e, kept)
		return true, nil
	case st.lost && st.fitsLate(&e, kept):
		return true, st.leaveOut(&e, kept, ErrQueueFull)
	}
	return false, nil
}

// fitsLate reports whether a packet that the stream does not get may wait for
// its delivery here. st.mu is held.
func (st *stream) fitsLate(e *entry, kept *keptEntry) bool {
	return kept == nil || st.late == 0 || st.late < st.cfg.MaxQueued && st.lateBytes+len(e.data) <= st.cfg.MaxQueuedBytes
}

// leaveOut counts an entry that the stream does not get. A packet to keep is
// delivered here, after those that wait for their places. st.mu is held.
func (st *stream) leaveOut(e *entry, kept *keptEntry, err error) error {
	st.stats.Dropped++
	if kept == nil {
		return err
	}
	size := len(e.data)
	st.late++
	st.lateBytes += size
	deliver := kept.deliver
	kept.deliver = func(offset string) {
		deliver(offset)
		st.mu.Lock()
		defer st.mu.Unlock()
		st.late--
		st.lateBytes -= size
		st.admitWaiting()
	}
	st.deliverInOrder(kept, time.Now().Add(-st.cfg.OrderTimeout))
	return nil
}

// admitOrWait decides about an entry, or adds it to those that wait.
func (st *stream) admitOrWait(e waitingEntry) (w *waiter[waitingEntry], ended bool, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if ended, err = st.decide(e.entry, e.kept); ended {
		return nil, true, err
	}
	if e.bus.closed {
		st.stats.Refused++
		return nil, true, ErrClosed
	}
	st.stats.Waited++
	return st.waitingCalls.add(e), false, nil
}

// fits reports whether an entry fits into the queue. A packet to keep must also
// fit among those that wait for their places, unless the oldest of them was
// delivered without one: it can be forgotten, as it will be within
// OrderTimeout. st.mu is held.
func (st *stream) fits(e *entry, kept *keptEntry) bool {
	if len(st.queue) >= st.cfg.MaxQueued || st.queuedBytes > 0 && st.queuedBytes+len(e.data) > st.cfg.MaxQueuedBytes {
		return false
	}
	return kept == nil || st.lost || st.placesFit(len(e.data)) || st.oldest().sent
}

// put appends an entry to the queue. st.mu is held.
func (st *stream) put(e entry, kept *keptEntry) {
	st.number++
	e.writer, e.number = st.owner.writer, st.number
	st.queue = append(st.queue, e)
	st.queuedBytes += len(e.data)
	if kept != nil {
		st.awaitPlace(&e, kept)
	}
	wake(st.wake)
}

// admitWaiting decides about the entries that wait, as far as possible. st.mu
// is held.
func (st *stream) admitWaiting() {
	st.waitingCalls.admit(func(e waitingEntry) (bool, error) { return st.place(e.entry, e.kept) })
}

// refuseWaiting ends all calls that wait, at the end. st.mu is held.
func (st *stream) refuseWaiting() {
	st.waitingCalls.admit(func(e waitingEntry) (bool, error) {
		return true, st.leaveOut(&e.entry, e.kept, ErrClosed)
	})
}

// giveUp removes a call that waits. It reports false if the call was decided.
func (st *stream) giveUp(w *waiter[waitingEntry]) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	removed := st.waitingCalls.remove(w)
	if removed {
		st.admitWaiting() // the next ones may be smaller
	}
	return removed
}

// refuse counts an entry that no client gets, and returns its error.
func (st *stream) refuse() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.stats.Refused++
	return errFull
}

// refuseLarge counts a message above MaxMessageBytes.
func (st *stream) refuseLarge() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.stats.TooLarge++
}

// dismiss ends the calls that wait for a bus, which is about to be closed.
func (st *stream) dismiss(b *streamBus) {
	st.mu.Lock()
	defer st.mu.Unlock()
	b.closed = true
	st.waitingCalls.removeFunc(func(e waitingEntry) bool {
		if e.bus != b {
			return false
		}
		st.stats.Refused++
		return true
	}, ErrClosed)
	st.admitWaiting()
}

// taken removes the first n entries of the queue, which the stream has got.
func (st *stream) taken(n int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, e := range st.queue[:n] {
		st.queuedBytes -= len(e.data)
	}
	clear(st.queue[:n])
	if st.queue = st.queue[n:]; len(st.queue) == 0 {
		st.queue = nil // frees the array
	}
	st.stats.Published += uint64(n)
	st.admitWaiting()
}

// batch returns the next entries to write: several with few bytes, or a large
// one. They may be read without the lock, because only the writing goroutine
// removes entries.
func (st *stream) batch() (batch []entry, bytes int, ended bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	n := 0
	for n < min(len(st.queue), batchSize) {
		size := entryCost + len(st.queue[n].data)
		if n > 0 && bytes+size > batchBytes {
			break
		}
		bytes += size
		n++
	}
	return st.queue[:n:n], bytes, st.ended
}
