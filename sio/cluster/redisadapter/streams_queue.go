package redisadapter

import (
	"fmt"
	"slices"
	"time"

	"github.com/sioserver/sioserver/sio/cluster"
)

// The queue of a stream. What finds it full, while Redis takes entries, waits in line
// with the goroutine that has emitted it, so that nothing overtakes what waits. A
// goroutine that must not wait, or has waited too long, is refused. While Redis is away
// nothing waits for room: there may be none for a long time.

// errNoRoom is the error of what is refused.
var errNoRoom = fmt.Errorf("%w: %w", cluster.ErrOverloaded, ErrQueueFull)

// waiter is an entry that waits for room in the queue.
type waiter struct {
	entry entry
	kept  *keptEntry
	bus   *streamBus
	done  chan error // gets the outcome
}

// enqueue puts an entry of a bus into the queue. kept, unless nil, waits for its place
// in the stream; while Redis is away, and after the end, it is only delivered here if
// there is no room. Otherwise it may wait for room, as long as QueueTimeout, but not on
// a loop. The error is ErrQueueFull while Redis is away, ErrClosed, or
// cluster.ErrOverloaded.
func (st *stream) enqueue(b *streamBus, e entry, kept *keptEntry) error {
	if ended, err := st.admit(e, kept); ended {
		return err
	}
	if !b.mayWait() {
		return st.refuse()
	}
	w := &waiter{e, kept, b, make(chan error, 1)}
	if ended, err := st.admitOrWait(w); ended {
		return err
	}
	timer := time.NewTimer(st.cfg.QueueTimeout)
	defer timer.Stop()
	select {
	case err := <-w.done:
		return err
	case <-timer.C:
	}
	if st.giveUp(w) {
		return st.refuse()
	}
	return <-w.done
}

// admit decides about an entry at once, unless it would have to wait.
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
	case len(st.line) > 0:
		return false, nil
	}
	return st.place(e, kept)
}

// place finds a place for an entry, if there is one. st.mu is held.
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

// fitsLate reports whether an entry that the stream does not get can be delivered here
// soon. st.mu is held.
func (st *stream) fitsLate(e *entry, kept *keptEntry) bool {
	return kept == nil || st.late == 0 || st.late < st.cfg.MaxQueued && st.lateBytes+len(e.data) <= st.cfg.MaxQueuedBytes
}

// leaveOut counts an entry that the stream does not get. A packet that was to be kept is
// delivered here instead, behind those that wait for their turns. st.mu is held.
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
	st.lineUp(kept, time.Now().Add(-st.cfg.OrderTimeout))
	return nil
}

func (st *stream) admitOrWait(w *waiter) (ended bool, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if ended, err = st.decide(w.entry, w.kept); ended {
		return ended, err
	}
	if w.bus.closed {
		st.stats.Refused++
		return true, ErrClosed
	}
	st.stats.Waited++
	st.line = append(st.line, w)
	return false, nil
}

// fits reports whether the queue has room for an entry. One that is to be kept also needs
// room among those that wait for their turns, unless the oldest was delivered without: it
// can be forgotten, and will be within OrderTimeout. st.mu is held.
func (st *stream) fits(e *entry, kept *keptEntry) bool {
	if len(st.queue) >= st.cfg.MaxQueued || st.queuedBytes > 0 && st.queuedBytes+len(e.data) > st.cfg.MaxQueuedBytes {
		return false
	}
	return kept == nil || st.lost || st.turnsFit(len(e.data)) || st.oldest().sent
}

// put appends an entry to the queue. st.mu is held.
func (st *stream) put(e entry, kept *keptEntry) {
	st.number++
	e.writer, e.number = st.owner.writer, st.number
	st.queue = append(st.queue, e)
	st.queuedBytes += len(e.data)
	if kept != nil {
		st.awaitTurn(&e, kept)
	}
	wake(st.wake)
}

// admitWaiting has those in line that there is a place for take it. st.mu is held.
func (st *stream) admitWaiting() {
	if len(st.line) == 0 {
		return
	}
	n := 0
	for _, w := range st.line {
		found, err := st.place(w.entry, w.kept)
		if !found {
			break
		}
		w.done <- err
		n++
	}
	st.line = slices.Delete(st.line, 0, n)
}

// turnAway ends the waiting of all in line, at the end. st.mu is held.
func (st *stream) turnAway() {
	for _, w := range st.line {
		w.done <- st.leaveOut(&w.entry, w.kept, ErrClosed)
	}
	st.line = nil
}

// giveUp takes an entry out of the line. It reports false when that was decided about.
func (st *stream) giveUp(w *waiter) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	i := slices.Index(st.line, w)
	if i < 0 {
		return false
	}
	st.line = slices.Delete(st.line, i, i+1)
	st.admitWaiting() // those behind may be smaller
	return true
}

// refuse counts an entry that nobody gets.
func (st *stream) refuse() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.stats.Refused++
	return errNoRoom
}

// refuseLarge counts a message that is larger than Redis is to be given.
func (st *stream) refuseLarge() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.stats.TooLarge++
}

// dismiss ends the waiting for a bus, which is about to be closed.
func (st *stream) dismiss(b *streamBus) {
	st.mu.Lock()
	defer st.mu.Unlock()
	b.closed = true
	st.line = slices.DeleteFunc(st.line, func(w *waiter) bool {
		if w.bus != b {
			return false
		}
		st.stats.Refused++
		w.done <- ErrClosed
		return true
	})
	st.admitWaiting()
}

// taken removes the first n entries of the queue, which are in the stream.
func (st *stream) taken(n int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, e := range st.queue[:n] {
		st.queuedBytes -= len(e.data)
	}
	clear(st.queue[:n])
	if st.queue = st.queue[n:]; len(st.queue) == 0 {
		st.queue = nil // lets go of the array
	}
	st.stats.Published += uint64(n)
	st.admitWaiting()
}

// batch returns what is to be written next: a few entries with few bytes, or a large one.
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
