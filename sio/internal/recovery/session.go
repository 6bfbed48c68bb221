package recovery

import (
	"slices"
	"time"
)

// Session is a socket across the connections of its client. PID and ID don't
// change, Data and Size are the caller's.
type Session[S, P any] struct {
	PID  string
	ID   [20]byte // of the socket
	Data any      // of the socket whose client was lost
	Size int      // bytes of Data that the caller counts

	holder *Membership[S, P] // nil while the session waits
	born   uint64            // packets to the id are its own from here on
	start  uint64            // it is in the namespace from here on
	spans  []roomSpan

	lostAt     time.Duration
	prev, next *Session[S, P] // in the list of lost ones
}

// roomSpan is a session's membership of a room between two positions: it got
// the packets from on, up to but not including to.
type roomSpan struct {
	room     string
	from, to uint64
}

// Membership is one socket's part in a session. Session and Recovered don't
// change.
type Membership[S, P any] struct {
	Session   *Session[S, P]
	Socket    S
	Recovered bool
	Behind    bool   // what was missed has not been sent yet
	left      bool   // an adapter was given the session, at leftAt
	from      uint64 // first position that may have been missed
	leftAt    time.Duration

	History *History[S, P] // of an adapter, while Behind; else nil
}

// Begin makes a session for a socket that is about to connect. The log does not
// know it before Add.
func (l *Log[S, P]) Begin(pid string, id [20]byte, socket S) *Membership[S, P] {
	ses := &Session[S, P]{PID: pid, ID: id, born: l.next(), start: forever}
	m := &Membership[S, P]{Session: ses, Socket: socket}
	ses.holder = m
	return m
}

// Restored makes a session that an adapter has kept. Its rooms are in it from
// the beginning on. It is lost until Occupy.
func Restored[S, P any](pid string, id [20]byte, rooms []string, data any) *Session[S, P] {
	ses := &Session[S, P]{PID: pid, ID: id, Data: data}
	for _, room := range rooms {
		if room != string(id[:]) {
			ses.enter(room, 0)
		}
	}
	return ses
}

// Return is the membership of a socket that is yet to be made, in a session
// that an adapter has kept.
func Return[S, P any](ses *Session[S, P], h *History[S, P]) *Membership[S, P] {
	return &Membership[S, P]{Session: ses, Recovered: true, Behind: true, History: h}
}

// Occupy makes socket the holder of the session that m is part of.
func (m *Membership[S, P]) Occupy(socket S) {
	m.Socket = socket
	m.Session.holder = m
}

// Holds reports whether the session is still that of m's socket.
func (m *Membership[S, P]) Holds() bool { return m.Session.holder == m }

// Holder is the present membership of the session; nil while it waits for a
// client.
func (ses *Session[S, P]) Holder() *Membership[S, P] { return ses.holder }

// Add has the log know a session, so that its client can come back to it.
func (l *Log[S, P]) Add(ses *Session[S, P]) { l.sessions[ses.PID] = ses }

// Has reports whether the client of the session may come back.
func (l *Log[S, P]) Has(ses *Session[S, P]) bool { return l.sessions[ses.PID] == ses }

// Forget ends a session whose client has left for good. It does not count as
// expired.
func (l *Log[S, P]) Forget(ses *Session[S, P]) { delete(l.sessions, ses.PID) }

// End ends a session for good. It must not be in the list of lost ones.
func (l *Log[S, P]) End(ses *Session[S, P]) {
	delete(l.sessions, ses.PID)
	l.stats.Expired++
}

// Vacate takes the session from its socket, whose client was lost.
func (ses *Session[S, P]) Vacate() { ses.holder = nil }

// Lose has a vacated session wait for its client. When as many wait already as
// may, the one that has waited longest ends, and is returned.
func (l *Log[S, P]) Lose(now time.Duration, ses *Session[S, P]) (evicted *Session[S, P]) {
	ses.lostAt = now
	l.lost.push(ses)
	l.budget.sessions.Add(1)
	if l.lost.count <= l.budget.sessionsFor(l.limits.MaxSessions) {
		return nil
	}
	evicted = l.lost.oldest()
	l.unlist(evicted)
	l.Evict(evicted)
	return evicted
}

// unlist takes a session out of the list of lost ones.
func (l *Log[S, P]) unlist(ses *Session[S, P]) {
	l.lost.remove(ses)
	l.budget.sessions.Add(-1)
}

// Evict ends a session that a limit does not allow to wait.
func (l *Log[S, P]) Evict(ses *Session[S, P]) {
	l.stats.Evicted++
	l.End(ses)
}

// Claim gives the session that a client asks for to its new socket. o is the
// offset of the last packet that the client got. When another socket holds the
// session it returns that one's membership and changes nothing. When there is
// no such session, or not all that was missed is kept, it returns neither.
func (l *Log[S, P]) Claim(now time.Duration, pid string, o Offset, socket S) (m, holder *Membership[S, P]) {
	pos, known := l.position(o)
	ses := l.sessions[pid]
	if !known || ses == nil || ses.holder == nil && now-ses.lostAt > l.limits.MaxAge {
		if !known && ses != nil {
			l.stats.Gaps++
		}
		l.stats.Failed++
		return nil, nil
	}
	if ses.holder != nil {
		return nil, ses.holder
	}
	l.unlist(ses)
	m = &Membership[S, P]{Session: ses, Recovered: true, Behind: true, from: pos + 1}
	m.Occupy(socket)
	return m, nil
}

// Complete reports whether all that m's client has missed can be sent: it is in
// the log, or in the history and the log. Otherwise more history must be read,
// or, without a history, GiveUp must follow.
func (l *Log[S, P]) Complete(m *Membership[S, P]) bool {
	if m.History != nil {
		return l.caughtUp(m.History)
	}
	return !m.Behind || m.from >= l.first
}

// GiveUp ends the session of a client that is not sent all that it has missed:
// the limits evicted some of it while middlewares ran. It does nothing and
// reports false when the session is not m's any more, because the client was
// lost meanwhile.
func (l *Log[S, P]) GiveUp(m *Membership[S, P]) bool {
	if !m.Holds() || !l.Has(m.Session) {
		return false
	}
	l.stats.Failed++
	l.stats.Gaps++
	l.End(m.Session)
	return true
}

// Admit makes m part of the namespace, and returns what its client has missed,
// in order, each with a reference for the caller. m must be Complete. The
// caller must make the socket a member of its rooms under the same lock.
func (l *Log[S, P]) Admit(m *Membership[S, P]) (missed []P) {
	ses := m.Session
	now := l.next()
	for i := range ses.spans {
		ses.spans[i].from = min(ses.spans[i].from, now)
	}
	if !m.Recovered {
		ses.start = now
		return nil
	}
	if h := m.History; h != nil {
		missed = h.before(l.Reached())
		m.from = l.after(h.upTo)
		m.History = nil
	}
	missed = l.missed(missed, ses, m.from)
	missed = l.anticipated(missed, ses)
	l.evict()
	m.Behind = false
	l.stats.Recovered++
	l.stats.Replayed += uint64(len(missed))
	return missed
}

// Join puts the session into a room that m's socket has joined. A socket that
// is not admitted yet is in the room from its admission on.
func (l *Log[S, P]) Join(m *Membership[S, P], room string, admitted bool) {
	switch {
	case !m.Holds():
	case admitted:
		m.Session.enter(room, l.next())
	default:
		m.Session.enter(room, forever)
	}
}

// Leave takes the session out of a room that m's socket has left.
func (l *Log[S, P]) Leave(m *Membership[S, P], room string) {
	if m.Holds() {
		m.Session.exit(room, l.next(), l.first)
	}
}

// Pass ends the part of m in a session that the adapter keeps from now on. It
// reports false when the client was never admitted: then there is nothing to
// keep.
func (l *Log[S, P]) Pass(now time.Duration, m *Membership[S, P]) bool {
	if !m.Recovered && m.Session.start == forever {
		return false
	}
	m.left, m.leftAt = true, now
	return true
}

// Awaited reports whether the client of a session that was passed on may come
// back.
func (l *Log[S, P]) Awaited(now time.Duration, m *Membership[S, P]) bool {
	return m.left && now-m.leftAt <= l.limits.MaxAge
}

// DropHistory drops the history that was read for a socket that does not
// connect.
func (m *Membership[S, P]) DropHistory() {
	if m.History != nil {
		m.History.Drop()
	}
}

// wants reports whether the packet at a position was for the session; in is its
// roomTest.
func (ses *Session[S, P]) wants(p *Packet[P], pos uint64, in roomTest) bool {
	wanted := len(p.Rooms) == 0 && ses.start <= pos
	for _, room := range p.Rooms {
		wanted = wanted || in(room, pos)
	}
	if !wanted {
		return false
	}
	for _, room := range p.Except {
		if in(room, pos) {
			return false
		}
	}
	return true
}

// roomTest reports whether a session was in a room at a position.
type roomTest func(room string, pos uint64) bool

// manySpans is from how many spans on an index of them pays.
const manySpans = 8

// roomTest returns the session's, valid until the session changes.
func (ses *Session[S, P]) roomTest() roomTest {
	spansOf := func(string) []roomSpan { return ses.spans }
	if len(ses.spans) > manySpans {
		index := make(map[string][]roomSpan, len(ses.spans))
		for _, span := range ses.spans {
			index[span.room] = append(index[span.room], span)
		}
		spansOf = func(room string) []roomSpan { return index[room] }
	}
	return func(room string, pos uint64) bool {
		if room == string(ses.ID[:]) {
			return ses.born <= pos
		}
		for _, span := range spansOf(room) {
			if span.room == room && span.from <= pos && pos < span.to {
				return true
			}
		}
		return false
	}
}

// Rooms returns the rooms that the session is in now, without that of its id.
func (ses *Session[S, P]) Rooms() (rooms []string) {
	for _, span := range ses.spans {
		if span.to == forever {
			rooms = append(rooms, span.room)
		}
	}
	return rooms
}

// enter begins a span in a room, unless there is an open one.
func (ses *Session[S, P]) enter(room string, from uint64) {
	for _, span := range ses.spans {
		if span.room == room && span.to == forever {
			return
		}
	}
	ses.spans = append(ses.spans, roomSpan{room, from, forever})
}

// exit ends the span in a room, and drops the spans that lie before the first
// packet kept.
func (ses *Session[S, P]) exit(room string, to, first uint64) {
	for i := range ses.spans {
		if span := &ses.spans[i]; span.room == room && span.to == forever {
			span.to = to
		}
	}
	ses.spans = slices.DeleteFunc(ses.spans, func(span roomSpan) bool { return span.to <= max(span.from, first) })
}

// lostList is the sessions that wait for their clients, in the order in which
// these were lost.
type lostList[S, P any] struct {
	root  Session[S, P]
	count int
}

func (l *lostList[S, P]) init() { l.root.prev, l.root.next = &l.root, &l.root }

func (l *lostList[S, P]) oldest() *Session[S, P] {
	if l.count == 0 {
		return nil
	}
	return l.root.next
}

func (l *lostList[S, P]) push(ses *Session[S, P]) {
	ses.prev, ses.next = l.root.prev, &l.root
	ses.prev.next, ses.next.prev = ses, ses
	l.count++
}

func (l *lostList[S, P]) remove(ses *Session[S, P]) {
	ses.prev.next, ses.next.prev = ses.next, ses.prev
	ses.prev, ses.next = nil, nil
	l.count--
}
