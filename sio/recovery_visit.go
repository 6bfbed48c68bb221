package sio

import (
	"crypto/rand"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// A socket's part in its session, from its beginning to its end: the session
// learns what becomes of the socket under the log's lock.

// begin makes a session for a socket that is about to connect. It is not among
// the log's sessions before it is welcome.
func (lg *recoveryLog) begin(s *Socket) {
	ses := &session{pid: newPID(), id: s.id, socket: s, start: forever}
	lg.mu.Lock()
	ses.born = lg.next()
	lg.mu.Unlock()
	s.setVisit(&visit{session: ses})
}

func newPID() string {
	var raw [15]byte
	_, _ = rand.Read(raw[:]) // never fails
	return idEncoding.EncodeToString(raw[:])
}

// join puts a socket into a room, in the session first: so what it is sent as a
// member is always the session's, too.
func (lg *recoveryLog) join(s *Socket, room string) {
	v := s.visit()
	if v == nil {
		s.ns.rooms.Join(&s.member, room)
		return
	}
	defer s.ns.rooms.FlushEvents(&s.member)
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if s.ns.rooms.JoinDeferred(&s.member, room) && v.session.socket == s {
		v.session.enter(room, lg.joins(s))
	}
}

// joins is the position from which on a socket is in a room that it joins now.
func (lg *recoveryLog) joins(s *Socket) uint64 {
	if s.state.Load() == stateConnecting {
		return forever // until it is a member of the namespace
	}
	return lg.next()
}

// leave takes a socket out of a room, in the session last.
func (lg *recoveryLog) leave(s *Socket, room string) {
	v := s.visit()
	if v == nil {
		s.ns.rooms.Leave(&s.member, room)
		return
	}
	defer s.ns.rooms.FlushEvents(&s.member)
	lg.mu.Lock()
	defer lg.mu.Unlock()
	s.ns.rooms.LeaveDeferred(&s.member, room)
	if v.session.socket == s {
		v.session.exit(room, lg.next(), lg.first)
	}
}

// welcome makes a socket a member of its namespace, at the same moment as it
// determines what the socket's client has missed, whose references are the
// caller's. It reports false when the socket has ended.
func (lg *recoveryLog) welcome(s *Socket) (missed []message, ok bool) {
	v := s.visit()
	defer lg.ns.rooms.FlushEvents(&s.member)
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if v != nil && v.history != nil && !lg.caughtUp(v.history) {
		return nil, false
	}
	if v != nil && v.behind && v.history == nil && v.from < lg.first {
		// While its middlewares ran the limits have cost what it must be sent.
		lg.stats.Failed++
		lg.stats.Gaps++
		lg.end(v.session)
		return nil, false
	}
	if !s.enroll((*adapter.Rooms[*Socket]).AddDeferred) {
		return nil, false
	}
	if v == nil {
		return nil, true
	}
	ses := v.session
	now := lg.next()
	for i := range ses.stays {
		ses.stays[i].from = min(ses.stays[i].from, now)
	}
	if v.recovered {
		if h := v.history; h != nil {
			missed = h.before(lg.reached())
			v.from = lg.after(h.upTo)
			v.history = nil
		}
		missed = append(missed, lg.missed(ses, v.from)...)
		missed = append(missed, lg.anticipated(ses)...)
		lg.evict()
		v.behind = false
		lg.stats.Recovered++
		lg.stats.Replayed += uint64(len(missed))
	} else {
		ses.start = now
		if lg.keeper() == nil {
			lg.sessions[ses.pid] = ses
		}
	}
	return missed, true
}

// part ends a socket's part in its session, which is kept when the client may
// come back.
func (lg *recoveryLog) part(s *Socket, reason Reason) {
	v := s.visit()
	if v == nil {
		return
	}
	if r := lg.keeper(); r != nil {
		lg.persist(s, v, r, reason)
		return
	}
	data := s.Data()
	lg.mu.Lock()
	defer lg.mu.Unlock()
	ses := v.session
	switch {
	case ses.socket != s || lg.sessions[ses.pid] != ses:
	case reason.recoverable() && !lg.ns.srv.closing.Load():
		lg.lose(ses, data)
	default:
		delete(lg.sessions, ses.pid)
	}
}

// refused ends the session of a socket that a middleware has refused.
func (lg *recoveryLog) refused(s *Socket) {
	v := s.visit()
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if v == nil {
		return
	}
	v.forget()
	if v.recovered && v.session.socket == s {
		lg.end(v.session)
	}
}

// lose keeps a session for the client's return. lg.mu is held.
func (lg *recoveryLog) lose(ses *session, data any) {
	ses.socket, ses.data, ses.lostAt = nil, data, time.Now()
	if lg.stopped {
		lg.end(ses)
		return
	}
	if ses.kept = dataSize(data); !lg.ns.srv.eio.Keep(ses.kept) {
		ses.kept = 0
		lg.stats.Evicted++
		lg.end(ses)
		return
	}
	lg.ns.arrive() // unless it is closed, it stays for the client's return
	lg.lost.push(ses)
	if lg.lost.count > lg.cfg.MaxSessions {
		oldest := lg.lost.oldest()
		lg.lost.remove(oldest)
		lg.ns.depart() // there is another one
		oldest.letGo(lg)
		lg.stats.Evicted++
		lg.end(oldest)
	}
	lg.wake(ses.lostAt)
}

// end ends a session for good; it is not in the list of lost ones. lg.mu is held.
func (lg *recoveryLog) end(ses *session) {
	delete(lg.sessions, ses.pid)
	lg.stats.Expired++
	if lg.cfg.OnExpire == nil || lg.stopped {
		return
	}
	lg.expired = append(lg.expired, ExpiredSession{lg.ns, string(ses.id[:]), ses.rooms(), ses.data})
	if lg.timer != nil && !lg.sweeping {
		lg.timer.Reset(0)
	}
	lg.wake(time.Now())
}

// recoverable reports whether a client that was disconnected for the reason may
// come back.
func (r Reason) recoverable() bool {
	switch r {
	case ClientNamespaceDisconnect, ServerNamespaceDisconnect, ParseError:
		return false
	}
	return true
}
