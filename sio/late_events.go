package sio

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/loop/invariants"
)

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

// late is a socket with late events.
type late struct {
	socket   atomic.Pointer[Socket] // nil once they were taken: the client may know r for longer
	stranded bool                   // the client's connection is over; guarded by Socket.mu

	prev, next *late // in a lateList
}

// lateList is the sockets with late events of one loop's clients that are gone,
// in the order in which these left. Safe for concurrent use.
type lateList struct {
	mu   invariants.Mutex[lateList] // taken while Socket.mu is held
	root late
}

func (l *lateList) init() { l.root.prev, l.root.next = &l.root, &l.root }

func (l *lateList) push(r *late) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.prev, r.next = l.root.prev, &l.root
	r.prev.next, r.next.prev = r, r
}

// remove takes r out of the list if it is in one.
func (l *lateList) remove(r *late) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.next != nil {
		r.prev.next, r.next.prev = r.next, r.prev
		r.prev, r.next = nil, nil
	}
}

// pop takes out the first socket; nil when there is none.
func (l *lateList) pop() *late {
	l.mu.Lock()
	r := l.root.next
	l.mu.Unlock()
	if r == &l.root {
		return nil
	}
	l.remove(r)
	return r
}

// eventsLocked returns the load of the events in the queue. s.mu is held.
func (s *Socket) eventsLocked() (l load) {
	if s.queue == nil {
		return 0
	}
	for _, j := range s.queue.jobs.Items() {
		if e, ok := j.(*Event); ok {
			l += loadOf(1, e.size())
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
			if _, ok := c.waiting.take(l); ok {
				r.stranded = true
				p.backlog.waiting.sub(l)
				p.backlog.late.add(l)
				p.late.push(r)
			}
		}
		s.mu.Unlock()
	}
	c.extra.late = nil
	for c.srv.share.passed(p.backlog.late.load()) {
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
		s.unlate(loadOf(1, e.size()))
	}
}

// unlate counts late events as stranded, as other jobs of clients that have
// left are.
func (s *Socket) unlate(l load) {
	b := &s.client.perLoop().backlog
	b.late.sub(l)
	b.stranded.add(l)
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
		return h.call(srv.over, e)
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
	return h.call(ctx, e)
}

// A handler that starts late has at least the leastPart-th part of
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
		case srv.workers.crowded():
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
