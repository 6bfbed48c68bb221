package sio

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/internal/workload"
)

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
		s.ns.srv.workers.Start((*socketJobs)(s))
	}
	if onLoop {
		s.client.throttle()
	}
}

// startTask is a Socket that gets a worker.
type startTask Socket

func (t *startTask) Run(*loop.Loop) {
	s := (*Socket)(t)
	s.ns.srv.workers.Start((*socketJobs)(s))
}

// socketJobs is a Socket as workers run it.
type socketJobs Socket

// Drain implements workers.Runnable.
func (s *socketJobs) Drain() (done bool) { return (*Socket)(s).drain() }

// drain runs the socket's jobs until there are none, and gives up the queue.
// When other sockets need the worker it stops after those that were there
// first, which it reports with false. A job that ends the goroutine leaves the
// queue so that another drain can go on.
func (s *Socket) drain() (done bool) {
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
	n, left := s.queue.jobs.Len(), false
	if n == 0 {
		left, s.queue.left = s.queue.left, false
		queues.Put(s.queue)
		s.queue = nil
		s.nothingLateLocked()
	}
	s.mu.Unlock()
	if left {
		s.client.perLoop().taken()
	}
	return n
}

// outlast has a socket without jobs count as stranded as long as it waits for a
// worker all the same: it keeps its client in memory.
func (s *Socket) outlast() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue != nil && s.queue.jobs.Len() == 0 && !s.queue.left {
		s.queue.left = true
		s.client.perLoop().backlog.stranded.Add(workload.Of(1, 0))
	}
}

// taken discharges what waited for a worker although its client had left, now
// that a worker has it.
func (p *perLoop) taken() {
	p.backlog.stranded.Sub(workload.Of(1, 0))
	p.reportEmpty()
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

// What a client has sent before it left is handled. A socket ends in one of two
// ways:
//
//   - Its client has left, its connection is lost, or the server shuts down
//     (stateLeft). The events that wait are late: they run, and the disconnect
//     handlers run behind them.
//   - The application has ended it (stateDisconnected). The events that wait
//     are dropped and counted.
//
// As long as the connection lives, a late event counts against its client as
// before. Then it counts as one of the loop's late events, which have limits of
// their own. So late events hold back no other client, and those that wait
// behind a handler that never returns keep no client out. At the limits the
// events of the sockets that left first are dropped and counted, and all of
// them are when Shutdown's context ends.
//
// A handler that starts late gets a context that is not done yet, so that it
// can store what was sent. The context of a handler that waits for the client
// ends after Config.LeaveTimeout, or sooner when sockets wait for a worker.
// Handlers of the socket that start later get a context that has ended: a
// socket costs one time-out, however many events wait.

// eventsLocked returns the load of the events in the queue. s.mu is held.
func (s *Socket) eventsLocked() (l workload.Load) {
	if s.queue == nil {
		return 0
	}
	for _, j := range s.queue.jobs.Items() {
		if e, ok := j.(*Event); ok {
			l += workload.Of(1, e.size())
		}
	}
	return l
}

// remember notes a socket that has just left with events that wait: see leave.
// It is called on the loop.
func (c *client) remember(s *Socket) {
	r := new(late)
	r.socket.Store(s)
	s.mu.Lock()
	waits := s.eventsLocked() != 0
	if waits {
		s.extraLocked().late = r
	}
	s.mu.Unlock()
	if !waits {
		return
	}
	x := c.needExtra()
	if x.late == nil {
		x.late = make(map[*late]struct{})
	}
	x.late[r] = struct{}{}
	if n := len(x.late); n >= 16 && n&(n-1) == 0 {
		maps.DeleteFunc(x.late, func(r *late, _ struct{}) bool { return r.socket.Load() == nil })
	}
}

// strand counts the late events of the client's sockets as the loop's. The
// connection is over; it is called on the loop.
func (c *client) strand() {
	if c.extra == nil {
		return
	}
	p := c.perLoop()
	for r := range c.extra.late {
		s := r.socket.Load()
		if s == nil {
			continue
		}
		s.mu.Lock()
		if s.extra.late == r { // else all have run
			l := s.eventsLocked()
			if _, ok := c.waiting.Take(l); ok {
				r.stranded = true
				p.backlog.waiting.Sub(l)
				p.backlog.late.Add(l)
				p.late.push(r)
			}
		}
		s.mu.Unlock()
	}
	c.extra.late = nil
	for c.srv.share.Passed(p.backlog.late.Load()) {
		r := p.late.pop()
		if r == nil {
			break
		}
		r.abandon()
	}
	if c.srv.gaveUp.Load() {
		c.srv.giveUp()
	}
}

// startsLocked accounts for a job that starts now. s.mu is held.
func (s *Socket) startsLocked(j job) {
	if s.extra == nil || s.extra.late == nil || !s.extra.late.stranded {
		return
	}
	if e, ok := j.(*Event); ok {
		s.unlate(workload.Of(1, e.size()))
	}
}

// unlate counts late events as stranded, as other jobs of clients that have
// left are.
func (s *Socket) unlate(l workload.Load) {
	b := &s.client.perLoop().backlog
	b.late.Sub(l)
	b.stranded.Add(l)
}

// nothingLateLocked notes that no events wait any more. s.mu is held.
func (s *Socket) nothingLateLocked() {
	if s.extra == nil || s.extra.late == nil {
		return
	}
	s.client.perLoop().late.remove(s.extra.late)
	s.extra.late.socket.Store(nil)
	s.extra.late = nil
}

// abandon drops the late events of the socket.
func (r *late) abandon() {
	s := r.socket.Load()
	if s == nil {
		return
	}
	s.mu.Lock()
	if !s.state.CompareAndSwap(stateLeft, stateDisconnected) {
		s.mu.Unlock()
		return
	}
	if s.extra.late == r && r.stranded {
		s.unlate(s.eventsLocked())
	}
	lapsed := s.lapseLocked(stateDisconnected)
	s.nothingLateLocked()
	s.mu.Unlock()
	s.dropJobs(lapsed)
}

// giveUp drops all late events, then ends the contexts of handlers that have
// started late: one that returns because of it must not have its worker run the
// next event. Shutdown's context has ended. Events that become late afterwards
// are dropped as well.
func (srv *Server) giveUp() {
	srv.gaveUp.Store(true)
	defer srv.endLate(ErrDisconnected)
	srv.givingUp.Lock() // returns when another one is done, too
	defer srv.givingUp.Unlock()
	for i := range srv.byLoop {
		for r := srv.byLoop[i].late.pop(); r != nil; r = srv.byLoop[i].late.pop() {
			r.abandon()
		}
	}
}

// callLate calls a handler that starts after the socket's client has left.
func (h *handler) callLate(e *Event) error {
	s, srv := e.socket, e.socket.ns.srv
	s.mu.Lock()
	waited := s.extraLocked().waited
	s.mu.Unlock()
	if waited {
		return h.call(s.client.withValues(srv.over), e)
	}
	early, end := context.WithCancelCause(srv.late)
	ctx, cancel := context.WithTimeoutCause(early, srv.cfg.LeaveTimeout, ErrDisconnected)
	stop := srv.cutShort(end)
	defer func() {
		if ctx.Err() != nil {
			s.mu.Lock()
			s.extra.waited = true
			s.mu.Unlock()
		}
		stop()
		cancel()
		end(nil)
	}()
	return h.call(s.client.withValues(ctx), e)
}

// A handler that starts late has at least the leastFraction-th part of
// Config.LeaveTimeout.
const leastFraction = 8

// cutShort ends the context of a handler that has started late before its time,
// when sockets wait for a worker. So clients that leave events behind for
// handlers that wait for these clients can't occupy all of Config.MaxHandlers.
func (srv *Server) cutShort(end context.CancelCauseFunc) (stop func()) {
	var mu sync.Mutex // orders stop behind a call that runs
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	least, stopped := max(srv.cfg.LeaveTimeout/leastFraction, 1), false
	timer = time.AfterFunc(least, func() {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case stopped:
		case srv.workers.Crowded():
			end(ErrDisconnected)
		default:
			timer.Reset(least)
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}
