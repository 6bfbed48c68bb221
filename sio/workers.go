package sio

import (
	"context"
	"runtime"
	"sync/atomic"
)

// workers are the goroutines that run handlers. A socket with something to run
// gets one, parked or new, until its queue is empty; a bounded number stays
// parked for the next. When limit of them run, sockets stand in line for one. Safe
// for concurrent use.
type workers struct {
	hand    chan *Socket // to a parked worker
	quit    chan struct{}
	parked  atomic.Int32
	spare   int32        // how many may be parked
	limit   int64        // how many may run
	active  atomic.Int64 // sockets that have one, or stand in line for it
	line    line
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

// start gives s a worker as soon as there is one; it must have a queue, and none.
func (w *workers) start(s *Socket) {
	if w.active.Add(1) > w.limit && w.line.join(s) {
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

// serve runs what is in the queue of s, or some of it while others stand in line,
// and returns who is next in place of s; nil for nobody. A handler that ends its
// goroutine (runtime.Goexit, for example by way of testing.T.FailNow) takes this
// worker with it, so another one goes on.
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
		return w.line.turn(s)
	}
	switch left := w.active.Add(-1); {
	case left >= w.limit:
		return w.line.next()
	case left == 0 && w.stopped.Load():
		select {
		case w.drained <- struct{}{}:
		default:
		}
	}
	return nil
}

// crowded reports whether sockets stand in line, or are about to.
func (w *workers) crowded() bool { return w.active.Load() > w.limit }

// running is how many sockets have a worker, waiting how many stand in line for one.
func (w *workers) running() (running, waiting int) {
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
