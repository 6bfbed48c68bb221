package sio

import (
	"sync"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/internal/fifo"
	"github.com/sioserver/sioserver/sio/internal/workload"
)

// job is something to run on a socket's queue.
type job interface {
	run(s *Socket)
	// size is how many bytes it holds, counted against Config.MaxPendingBytes.
	size() int
	// lapses reports whether it has nothing to do any more when its socket has
	// ended, in the state that is given, before it was run.
	lapses(state uint32) bool
	// drop lets go of what it holds, when it has lapsed.
	drop(s *Socket)
}

// queue is what waits for a socket's worker. A socket has one only while a
// worker runs for it or is about to.
type queue struct {
	jobs    fifo.Queue[job] // guarded by Socket.mu
	running int             // bytes of the job that runs; the worker's own
}

var queues = sync.Pool{New: func() any { return new(queue) }}

// enqueue adds a job. On the loop the worker starts at the end of the burst:
// then what the same burst brings is known, such as that the client is gone,
// and one start serves it all.
func (s *Socket) enqueue(j job, onLoop bool) {
	s.client.charge(workload.Of(1, j.size()))
	s.mu.Lock()
	idle := s.queue == nil
	if idle {
		s.queue = queues.Get().(*queue)
	}
	s.queue.jobs.Push(j)
	s.mu.Unlock()
	if idle && !(onLoop && s.client.Loop().Post((*startTask)(s))) {
		s.ns.srv.workers.Start(s)
	}
	if onLoop {
		s.client.throttle()
	}
}

// startTask is a Socket that gets a worker.
type startTask Socket

func (t *startTask) Run(*loop.Loop) {
	s := (*Socket)(t)
	s.ns.srv.workers.Start(s)
}

// drain runs the socket's jobs until there are none, and gives up the queue.
// When other sockets need the worker it stops after those that were there
// first, which it reports with false. A job that ends the goroutine leaves the
// queue so that another drain can go on.
func (s *Socket) Drain() (done bool) {
	s.finishJob() // which has ended its goroutine
	for n := s.queued(); n > 0; {
		for ; n > 0; n-- {
			j := s.nextJob()
			if j == nil {
				break // the rest has lapsed
			}
			s.queue.running = j.size()
			s.client.discharge(workload.Of(1, 0))
			j.run(s)
			s.finishJob()
		}
		if n = s.queued(); n > 0 && s.ns.srv.workers.Crowded() {
			return false
		}
	}
	return true
}

// finishJob takes out the bytes of the job that ran: they are held until it
// returns.
func (s *Socket) finishJob() {
	if n := s.queue.running; n > 0 {
		s.queue.running = 0
		s.client.discharge(workload.Of(0, n))
	}
}

// queued is how many jobs the socket has. It takes the queue from a socket that
// has none.
func (s *Socket) queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.queue.jobs.Len()
	if n == 0 {
		queues.Put(s.queue)
		s.queue = nil
		s.nothingLateLocked()
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
	j := s.queue.jobs.Pop()
	s.startsLocked(j)
	return j
}

// lapseLocked takes out the jobs that have nothing to do any more as the socket
// has ended, in the state that is given. s.mu is held; they are dropped by
// dropJobs when it is not.
func (s *Socket) lapseLocked(state uint32) (lapsed []job) {
	if s.queue == nil {
		return nil
	}
	s.queue.jobs.Filter(func(j job) bool {
		if j.lapses(state) {
			lapsed = append(lapsed, j)
			return false
		}
		return true
	})
	return lapsed
}

func (s *Socket) dropJobs(lapsed []job) {
	for _, j := range lapsed {
		s.client.discharge(workload.Of(1, j.size()))
		j.drop(s)
	}
}
