package eio

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop"
)

// The order of a session's requests. A request for a session of another loop
// takes longer, because its connection moves there first; a request that came
// to the right loop is served at once. Two requests that a client sends one
// after the other on two connections could therefore be served in the wrong
// order. So the loop that reads a request announces it before it moves the
// connection, and requests of the session that are read later wait for it. The
// kernel decides which of two loops reads first. Requests that passed a
// middleware are not ordered.

// maxWaiting is the length of a session's queue. Requests beyond it are not
// ordered. Clients have two requests at a time, and a third for an upgrade.
const maxWaiting = 16

// waitQueue has the requests of a session in the order in which they were read,
// beginning with the first that was announced and has not arrived.
type waitQueue struct{ requests []queuedRequest }

// queuedRequest is a request on its way or, once waiting is set, one that
// waits.
type queuedRequest struct {
	announced *announced
	waiting   *suspendedRequest
}

// announced is a request on its way to the loop of its session, which owns it.
type announced struct {
	sid  string
	s    *Session // in whose queue it is; nil for none
	over bool     // it has arrived, or never will
}

// announcements are requests on their way to a loop, in the order in which they
// were read. Safe for concurrent use.
type announcements struct {
	some atomic.Bool // avoids the lock while there are none
	mu   sync.Mutex
	list []*announced
}

func (as *announcements) add(a *announced) {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.list = append(as.list, a)
	as.some.Store(true)
}

func (as *announcements) take() []*announced {
	if !as.some.Load() {
		return nil
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	list := as.list
	as.list = nil
	as.some.Store(false)
	return list
}

// takeAnnouncements puts announced requests into the queues of their sessions.
func (pl *perLoop) takeAnnouncements() {
	for _, a := range pl.announcements.take() {
		s := pl.find(a.sid)
		if a.over || s == nil || s.polling == nil {
			continue
		}
		if s.polling.waitQueue == nil {
			s.polling.waitQueue = new(waitQueue)
		}
		if l := s.polling.waitQueue; len(l.requests) < maxWaiting {
			a.s = s
			l.requests = append(l.requests, queuedRequest{announced: a})
		}
	}
}

// moveHome moves the connection, with b unread, to the loop of the session that
// its request names.
func (h *httpConn) moveHome(home *perLoop, sid string, b []byte) {
	h.phase = httpGone
	a := &announced{sid: sid}
	o, secure := h.home.outer, h.secure
	moves := h.c.MoveTo(home.loop, b, func(c *loop.Conn) loop.Handler {
		moved := home.srv.accept(c, secure)
		moved.announced = a
		if o != nil {
			moved.exchange = o
		}
		return moved
	})
	if moves { // the connection leaves at the end of this burst
		home.announcements.add(a)
	}
}

// arrive ends the announcement of h's request, if it has one, and removes it
// from the queue.
func (h *httpConn) arrive() {
	a := h.announced
	if a == nil {
		return
	}
	h.announced = nil
	h.home.takeAnnouncements() // otherwise it would stay announced
	a.over = true
	if a.s != nil {
		a.s.leaveQueue(func(p queuedRequest) bool { return p.announced == a })
		a.s = nil
	}
}

// waitInQueue suspends req, a request of s, until those that were read before
// it are served. It reports false when there are none.
func (h *httpConn) waitInQueue(req *http1.Request, s *Session) bool {
	h.home.takeAnnouncements()
	l := s.polling.waitQueue
	if l == nil || len(l.requests) == 0 {
		return false
	}
	at := -1
	if a := h.announced; a != nil && a.s == s {
		at = slices.IndexFunc(l.requests, func(p queuedRequest) bool { return p.announced == a })
	}
	if at == 0 || at < 0 && len(l.requests) == maxWaiting {
		return false
	}
	sr := &suspendedRequest{h: h, session: s, outer: h.home.outer, head: slices.Clone(req.Head()), resume: (*suspendedRequest).afterQueue}
	sr.cancel = func() { s.leaveQueue(sr.isQueued) }
	h.exchange = sr
	if at < 0 {
		l.requests = append(l.requests, queuedRequest{waiting: sr})
		return true
	}
	l.requests[at].waiting = sr
	h.announced.s, h.announced = nil, nil
	return true
}

func (sr *suspendedRequest) isQueued(p queuedRequest) bool { return p.waiting == sr }

// afterQueue serves a request that is now the first.
func (sr *suspendedRequest) afterQueue(req *http1.Request) {
	sr.cancel()
	sr.h.serve(req, parseQuery(req), sr.h.pending())
}

// leaveQueue removes a request. If the first one then waits, it continues.
func (s *Session) leaveQueue(is func(queuedRequest) bool) {
	if s.polling == nil || s.polling.waitQueue == nil {
		return
	}
	l := s.polling.waitQueue
	l.requests = slices.DeleteFunc(l.requests, is)
	if len(l.requests) > 0 && l.requests[0].waiting != nil {
		s.home.loop.Post(l.requests[0].waiting)
	}
}

// releaseQueue lets all requests that wait continue: the session is over, or no
// longer over polling.
func (s *Session) releaseQueue() {
	if s.polling == nil || s.polling.waitQueue == nil {
		return
	}
	requests := s.polling.waitQueue.requests
	s.polling.waitQueue = nil
	for _, p := range requests {
		if p.waiting != nil {
			s.home.loop.Post(p.waiting)
		}
	}
}
