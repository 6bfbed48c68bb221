// Package workers runs handlers, which may block, on goroutines that are kept
// for the next. Package sio is the caller.
package workers

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/sio/internal/fifo"
)

// Runnable is what a worker runs.
type Runnable interface {
	// Drain runs what waits. It reports false when it has stopped for others
	// that wait for a worker, with more to run. If user code ends the
	// goroutine, another drain goes on.
	Drain() (done bool)
}

// Pool is the goroutines that run handlers. What is to be run gets one,
// parked or new, until nothing of it waits; a bounded number stays parked for
// the next. While limit of them run, others wait. Safe for concurrent use.
type Pool struct {
	hand    chan Runnable // to a parked worker
	quit    chan struct{}
	parked  atomic.Int32
	spare   int32        // how many may be parked
	limit   int64        // how many may run
	active  atomic.Int64 // what has one, or waits for it
	waiting waitQueue
	stopped atomic.Bool
	drained chan struct{} // signalled when the last active one ends after stop
}

// Init sets how many may run. It is called once, first.
func (w *Pool) Init(limit int) {
	w.limit = int64(limit)
	w.hand = make(chan Runnable)
	w.quit = make(chan struct{})
	w.drained = make(chan struct{}, 1)
	w.spare = int32(128 * runtime.GOMAXPROCS(0))
}

// Start gives r a worker as soon as there is one. r must have none.
func (w *Pool) Start(r Runnable) {
	if w.active.Add(1) > w.limit && w.waiting.add(r) {
		return
	}
	select {
	case w.hand <- r:
	default:
		go w.work(r)
	}
}

func (w *Pool) work(r Runnable) {
	for {
		for r != nil {
			r = w.serve(r)
		}
		if w.parked.Add(1) > w.spare {
			w.parked.Add(-1)
			return
		}
		select {
		case r = <-w.hand:
			w.parked.Add(-1)
		case <-w.quit:
			return
		}
	}
}

// serve drains r, or runs some of it while others wait, and returns what takes
// the place of r; nil for nothing. A handler that ends its goroutine
// (runtime.Goexit, for example by testing.T.FailNow) ends this worker too, so
// another one goes on.
func (w *Pool) serve(r Runnable) (next Runnable) {
	finished := false
	defer func() {
		if !finished {
			go w.work(r)
		}
	}()
	done := r.Drain()
	finished = true
	if !done {
		return w.waiting.swap(r)
	}
	switch left := w.active.Add(-1); {
	case left >= w.limit:
		return w.waiting.next()
	case left == 0 && w.stopped.Load():
		select {
		case w.drained <- struct{}{}:
		default:
		}
	}
	return nil
}

// Crowded reports whether something waits for a worker, or is about to.
func (w *Pool) Crowded() bool { return w.active.Load() > w.limit }

// Counts is how many runnables have a worker, and how many wait for one.
func (w *Pool) Counts() (running, waiting int) {
	n := w.active.Load()
	return int(min(n, w.limit)), int(max(n-w.limit, 0))
}

// Stop waits until all queues are empty or ctx is done, and lets parked workers
// go. Workers that still run end by themselves.
func (w *Pool) Stop(ctx context.Context) error {
	w.stopped.Store(true)
	defer close(w.quit)
	for w.active.Load() > 0 {
		select {
		case <-w.drained:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// waitQueue is what waits for a worker because limit of them run. Safe for
// concurrent use.
//
// A finishing worker may check the queue before what was counted last is
// appended, because both count before they take the lock. The slot is then
// recorded in free.
type waitQueue struct {
	mu    sync.Mutex
	queue fifo.Queue[Runnable] // the first waits longest
	free  int                  // slots given up while the queue was empty
}

// add has r wait for a slot. It reports false if r gets one at once.
func (q *waitQueue) add(r Runnable) (waits bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free > 0 {
		q.free--
		return false
	}
	q.queue.Push(r)
	return true
}

// next returns what has waited longest, for a slot that was given up. If
// nothing waits it records the slot as free and returns nil.
func (q *waitQueue) next() Runnable {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.queue.Len() == 0 {
		q.free++
		return nil
	}
	return q.queue.Pop()
}

// swap gives the slot of r to what has waited longest, which it returns; r
// waits as the last one. It returns r itself if nothing waits.
func (q *waitQueue) swap(r Runnable) Runnable {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.queue.Len() == 0 {
		return r
	}
	q.queue.Push(r)
	return q.queue.Pop()
}
