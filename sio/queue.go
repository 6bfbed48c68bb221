package sio

import (
	"sync"

	"github.com/sioserver/sioserver/loop"
)

// job is something to run on a socket's queue.
type job interface {
	run(s *Socket)
	size() int // bytes, counted against Config.MaxPendingBytes
}

// queue is what waits for a socket's worker. A socket has one only while a
// worker runs for it or is about to.
type queue struct {
	jobs  []job // guarded by Socket.mu
	batch []job // what the worker has taken; the worker's own
	next  int   // index in batch

	worker *worker // the worker's own
}

var queues = sync.Pool{New: func() any { return new(queue) }}

// keepJobs is the longest list that a recycled queue holds on to.
const keepJobs = 64

// enqueue adds a job. On the loop the worker starts at the end of the burst:
// then what the same burst brings is known, such as that the client is gone,
// and one start serves it all.
func (s *Socket) enqueue(j job, onLoop bool) {
	s.client.hold(j.size())
	s.mu.Lock()
	q := s.queue
	idle := q == nil
	if idle {
		q = queues.Get().(*queue)
		s.queue = q
	}
	q.jobs = append(q.jobs, j)
	s.mu.Unlock()
	if idle && !(onLoop && s.client.Loop().Post((*startTask)(s))) {
		s.ns.srv.workers.start(s)
	}
}

// startTask is a Socket that gets a worker.
type startTask Socket

func (t *startTask) Run(*loop.Loop) {
	s := (*Socket)(t)
	s.ns.srv.workers.start(s)
}

// drain runs the socket's jobs until there are none, and gives up the queue. When
// other sockets need the worker it stops after what it has taken, which it reports
// with false. A job that ends the goroutine leaves the queue so that another drain
// can go on.
func (s *Socket) drain(w *worker) (done bool) {
	s.mu.Lock()
	q := s.queue
	s.mu.Unlock()
	q.worker = w
	for first := true; s.refill(q); first = false {
		if !first && s.ns.srv.workers.crowded() {
			return false
		}
		for q.next < len(q.batch) {
			j := q.batch[q.next]
			q.batch[q.next] = nil
			q.next++
			s.client.unhold(j.size())
			j.run(s)
		}
	}
	if cap(q.jobs) > keepJobs || cap(q.batch) > keepJobs {
		*q = queue{}
	}
	q.worker = nil
	queues.Put(q)
	return true
}

// worker is what runs the socket's jobs, for one of these.
func (s *Socket) worker() *worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.worker
}

// refill gives the worker the jobs that have come, or takes the queue from the
// socket when there are none.
func (s *Socket) refill(q *queue) bool {
	if q.next < len(q.batch) {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q.jobs, q.batch, q.next = q.batch[:0], q.jobs, 0
	if len(q.batch) == 0 {
		s.queue = nil
	}
	return s.queue != nil
}
