package sio

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/sio/internal/fifo"
)

// workers are the goroutines that run handlers. A socket with something to run
// gets one, parked or new, until its queue is empty; a bounded number stays
// parked for the next. While limit of them run, other sockets wait. Safe for
// concurrent use.
type workers struct {
	hand    chan *Socket // to a parked worker
	quit    chan struct{}
	parked  atomic.Int32
	spare   int32        // how many may be parked
	limit   int64        // how many may run
	active  atomic.Int64 // sockets that have one, or wait for it
	waiting waitQueue
	stopped atomic.Bool
	drained chan struct{} // signalled when the last active one ends after stop
}

func (w *workers) init(limit int) {
	w.limit = int64(limit)
	w.hand = make(chan *Socket)
	w.quit = make(chan struct{})
	w.drained = make(chan struct{}, 1)
	w.spare = int32(128 * runtime.GOMAXPROCS(0))
}

// start gives s a worker as soon as there is one. s must have a queue and no
// worker.
func (w *workers) start(s *Socket) {
	if w.active.Add(1) > w.limit && w.waiting.add(s) {
		return
	}
	select {
	case w.hand <- s:
	default:
		go w.work(s)
	}
}

func (w *workers) work(s *Socket) {
	for {
		for s != nil {
			s = w.serve(s)
		}
		if w.parked.Add(1) > w.spare {
			w.parked.Add(-1)
			return
		}
		select {
		case s = <-w.hand:
			w.parked.Add(-1)
		case <-w.quit:
			return
		}
	}
}

// serve runs what is in the queue of s, or some of it while others wait, and
// returns the socket that takes the place of s; nil for none. A handler that
// ends its goroutine (runtime.Goexit, for example by testing.T.FailNow) ends
// this worker too, so another one goes on.
func (w *workers) serve(s *Socket) (next *Socket) {
	finished := false
	defer func() {
		if !finished {
			go w.work(s)
		}
	}()
	done := s.drain()
	finished = true
	if !done {
		return w.waiting.swap(s)
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

// crowded reports whether sockets wait for a worker, or are about to.
func (w *workers) crowded() bool { return w.active.Load() > w.limit }

// counts is how many sockets have a worker, and how many wait for one.
func (w *workers) counts() (running, waiting int) {
	n := w.active.Load()
	return int(min(n, w.limit)), int(max(n-w.limit, 0))
}

// stop waits until all queues are empty or ctx is done, and lets parked workers
// go. Workers that still run end by themselves.
func (w *workers) stop(ctx context.Context) error {
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

// waitQueue has the sockets that wait for a worker because [Config.MaxHandlers]
// of them run. A socket is in it once at most: while it has a queue and until a
// worker drains it. Safe for concurrent use.
//
// A finishing worker may check the queue before a newly counted socket is
// appended, because both count before they take the lock. The slot is then
// recorded in free.
type waitQueue struct {
	mu      sync.Mutex
	sockets fifo.Queue[*Socket] // the first waits longest
	free    int                 // slots given up while the queue was empty
}

// add has s wait for a slot. It reports false if s gets one at once.
func (q *waitQueue) add(s *Socket) (waits bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free > 0 {
		q.free--
		return false
	}
	q.sockets.Push(s)
	return true
}

// next returns the socket that has waited longest, for a slot that was given
// up. If none waits it records the slot as free and returns nil.
func (q *waitQueue) next() *Socket {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sockets.Len() == 0 {
		q.free++
		return nil
	}
	return q.sockets.Pop()
}

// swap gives the slot of s to the socket that has waited longest, which it
// returns; s waits as the last one. It returns s itself if none waits.
func (q *waitQueue) swap(s *Socket) *Socket {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sockets.Len() == 0 {
		return s
	}
	q.sockets.Push(s)
	return q.sockets.Pop()
}
