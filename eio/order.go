package eio

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop"
)

// A request for a session of another loop takes a detour: its connection moves
// there first, while a request that came to the right loop is handled at once.
// So two requests that a client sends at the same time on two connections would
// be handled in either order. Therefore the loop that reads a request announces
// it before it moves the connection, and requests of the session that are read
// later wait for it. Which of two loops reads first is up to the kernel.
// Requests that a middleware has looked at are not ordered.

// maxPlaces bounds a session's line. What comes beyond is not ordered; clients
// have two requests at a time, and a third for an upgrade.
const maxPlaces = 16

// line has the requests of a session in the order in which they were read, from
// the first one that was announced and has not arrived.
type line struct{ places []place }

// place is a request that is on its way or, once waiting is set, one that
// waits.
type place struct {
	announced *announced
	waiting   *gate
}

// announced is a request on its way to the loop of its session, which owns it.
type announced struct {
	sid  string
	s    *Session // in whose line it is; nil for none
	over bool     // it has arrived, or never will
}

// announcements are requests on their way to a shard, in the order in which
// they were read. Safe for concurrent use.
type announcements struct {
	some atomic.Bool // so that nothing else is looked at without any
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

// hear puts requests that were announced into the lines of their sessions.
func (sh *shard) hear() {
	for _, a := range sh.announcements.take() {
		s := sh.find(a.sid)
		if a.over || s == nil || s.polling == nil {
			continue
		}
		if s.polling.line == nil {
			s.polling.line = new(line)
		}
		if l := s.polling.line; len(l.places) < maxPlaces {
			a.s = s
			l.places = append(l.places, place{announced: a})
		}
	}
}

// moveHome takes the connection, with b unread, to the loop of the session that
// its request names.
func (h *httpConn) moveHome(home *shard, sid string, b []byte) {
	h.phase = httpGone
	a := &announced{sid: sid}
	secure := h.secure
	moves := h.c.MoveTo(home.loop, b, func(c *loop.Conn) loop.Handler {
		moved := home.srv.accept(c, secure)
		moved.announced = a
		return moved
	})
	if moves { // it leaves when this burst ends
		home.announcements.add(a)
	}
}

// arrive ends the announcement of h's request, if it had one, and gives back
// its place.
func (h *httpConn) arrive() {
	a := h.announced
	if a == nil {
		return
	}
	h.announced = nil
	h.home.hear() // so that it does not stay there
	a.over = true
	if a.s != nil {
		a.s.leaveLine(func(p place) bool { return p.announced == a })
		a.s = nil
	}
}

// standInLine has req, a request of s, wait for those that were read before it.
// It reports false when there are none.
func (h *httpConn) standInLine(req *http1.Request, s *Session) bool {
	h.home.hear()
	l := s.polling.line
	if l == nil || len(l.places) == 0 {
		return false
	}
	at := -1
	if a := h.announced; a != nil && a.s == s {
		at = slices.IndexFunc(l.places, func(p place) bool { return p.announced == a })
	}
	if at == 0 || at < 0 && len(l.places) == maxPlaces {
		return false
	}
	g := &gate{h: h, session: s, head: slices.Clone(req.Head()), resume: (*gate).afterLine}
	g.cancel = func() { s.leaveLine(g.stands) }
	h.exchange = g
	if at < 0 {
		l.places = append(l.places, place{waiting: g})
		return true
	}
	l.places[at].waiting = g
	h.announced.s, h.announced = nil, nil
	return true
}

func (g *gate) stands(p place) bool { return p.waiting == g }

// afterLine serves a request whose turn it is.
func (g *gate) afterLine(req *http1.Request) {
	g.cancel()
	g.h.serve(req, parseQuery(req), g.h.pending())
}

// leaveLine removes a place. If what is first now has arrived, it goes on.
func (s *Session) leaveLine(is func(place) bool) {
	if s.polling == nil || s.polling.line == nil {
		return
	}
	l := s.polling.line
	l.places = slices.DeleteFunc(l.places, is)
	if len(l.places) > 0 && l.places[0].waiting != nil {
		s.home.loop.Post(l.places[0].waiting)
	}
}

// dropLine lets all who stand in line go on: the session is over, or no longer
// over polling.
func (s *Session) dropLine() {
	if s.polling == nil || s.polling.line == nil {
		return
	}
	places := s.polling.line.places
	s.polling.line = nil
	for _, p := range places {
		if p.waiting != nil {
			s.home.loop.Post(p.waiting)
		}
	}
}
