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
// worker runs for it or is about to. Guarded by Socket.mu.
type queue struct {
	jobs  []job
	spare []job // the worker's previous batch, emptied
}

var queues = sync.Pool{New: func() any { return new(queue) }}

// keepJobs is the longest list that a recycled queue holds on to.
const keepJobs = 64

// enqueue adds a job. On the loop the worker starts at the end of the burst:
// then what the same burst brings is known, such as that the client is gone,
// and one start serves it all.
func (s *Socket) enqueue(j job, onLoop bool) {
	s.client.pending.Add(1)
	s.client.pendingBytes.Add(int64(j.size()))
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

// drain runs the socket's jobs until there are none, and gives up the queue.
func (s *Socket) drain() {
	c := s.client
	for {
		s.mu.Lock()
		q := s.queue
		batch := q.jobs
		if len(batch) == 0 {
			s.queue = nil
			s.mu.Unlock()
			if cap(q.jobs) > keepJobs || cap(q.spare) > keepJobs {
				*q = queue{}
			}
			queues.Put(q)
			return
		}
		q.jobs, q.spare = q.spare, nil
		s.mu.Unlock()

		for i, j := range batch {
			batch[i] = nil
			c.pending.Add(-1)
			c.pendingBytes.Add(-int64(j.size()))
			j.run(s)
		}
		s.mu.Lock()
		q.spare = batch[:0]
		s.mu.Unlock()
	}
}
