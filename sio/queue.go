package sio

import (
	"sync"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/internal/fifo"
)

// job is something to run on a socket's queue.
type job interface {
	run(s *Socket)
	// size is how many bytes it holds, counted against Config.MaxPendingBytes.
	size() int
	// lapses reports whether it has nothing to do any more when its socket has ended
	// before it was run.
	lapses() bool
	// drop lets go of what it holds, when it has lapsed.
	drop(s *Socket)
}

// queue is what waits for a socket's worker. A socket has one only while a worker
// runs for it or is about to. Guarded by Socket.mu.
type queue struct{ jobs fifo.Queue[job] }

var queues = sync.Pool{New: func() any { return new(queue) }}

// enqueue adds a job. On the loop the worker starts at the end of the burst:
// then what the same burst brings is known, such as that the client is gone,
// and one start serves it all.
func (s *Socket) enqueue(j job, onLoop bool) {
	s.client.hold(j.size())
	s.mu.Lock()
	idle := s.queue == nil
	if idle {
		s.queue = queues.Get().(*queue)
	}
	s.queue.jobs.Push(j)
	s.mu.Unlock()
	if idle && !(onLoop && s.client.Loop().Post((*startTask)(s))) {
		s.ns.srv.workers.start(s)
	}
	if onLoop {
		s.client.throttle()
	}
}

// startTask is a Socket that gets a worker.
type startTask Socket

func (t *startTask) Run(*loop.Loop) {
	s := (*Socket)(t)
	s.ns.srv.workers.start(s)
}

// drain runs the socket's jobs until there are none, and gives up the queue. When
// other sockets need the worker it stops after those that were there first, which
// it reports with false. A job that ends the goroutine leaves the queue so that
// another drain can go on.
func (s *Socket) drain() (done bool) {
	for n := s.queued(); n > 0; {
		for ; n > 0; n-- {
			j := s.nextJob()
			if j == nil {
				break // the rest has lapsed
			}
			s.client.unhold(j.size())
			j.run(s)
		}
		if n = s.queued(); n > 0 && s.ns.srv.workers.crowded() {
			return false
		}
	}
	return true
}

// queued is how many jobs the socket has. It takes the queue from a socket that has
// none.
func (s *Socket) queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.queue.jobs.Len()
	if n == 0 {
		queues.Put(s.queue)
		s.queue = nil
	}
	return n
}

// nextJob takes the next job from the queue; nil when there is none.
func (s *Socket) nextJob() job {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue.jobs.Len() == 0 {
		return nil
	}
	return s.queue.jobs.Pop()
}

// lapseLocked takes out the jobs that have nothing to do any more as the socket has
// ended. s.mu is held; they are dropped by dropJobs when it is not.
func (s *Socket) lapseLocked() (lapsed []job) {
	if s.queue == nil {
		return nil
	}
	s.queue.jobs.Filter(func(j job) bool {
		if j.lapses() {
			lapsed = append(lapsed, j)
			return false
		}
		return true
	})
	return lapsed
}

func (s *Socket) dropJobs(lapsed []job) {
	for _, j := range lapsed {
		s.client.unhold(j.size())
		j.drop(s)
	}
}
