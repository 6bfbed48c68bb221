package sio

import (
	"context"
	"runtime"
	"sync/atomic"
)

// workers are the goroutines that run handlers. A socket with something to run
// gets one, parked or new, until its queue is empty; a bounded number stays
// parked for the next. Safe for concurrent use.
type workers struct {
	hand    chan *Socket // to a parked worker
	quit    chan struct{}
	parked  atomic.Int32
	spare   int32 // how many may be parked
	active  atomic.Int64
	stopped atomic.Bool
	drained chan struct{} // signalled when the last active one ends after stop
}

func (w *workers) init() {
	w.hand = make(chan *Socket)
	w.quit = make(chan struct{})
	w.drained = make(chan struct{}, 1)
	w.spare = int32(32 * runtime.GOMAXPROCS(0))
}

// start gives s a worker; it must have a queue, and none.
func (w *workers) start(s *Socket) {
	w.active.Add(1)
	select {
	case w.hand <- s:
	default:
		go w.work(s)
	}
}

func (w *workers) work(s *Socket) {
	for {
		w.serve(s)
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

// serve drains the queue of s. A handler that ends its goroutine
// (runtime.Goexit, for example by way of testing.T.FailNow) takes this worker
// with it, so another one goes on.
func (w *workers) serve(s *Socket) {
	finished := false
	defer func() {
		if !finished {
			go w.work(s)
			return
		}
		if w.active.Add(-1) == 0 && w.stopped.Load() {
			select {
			case w.drained <- struct{}{}:
			default:
			}
		}
	}()
	s.drain()
	finished = true
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
