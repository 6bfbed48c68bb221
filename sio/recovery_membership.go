package sio

import (
	"crypto/rand"

	"github.com/sioserver/sioserver/sio/adapter"
)

// A socket's part in its session, from its beginning to its end: the session
// learns what becomes of the socket under the log's lock.

// begin makes a session for a socket that is about to connect. It is not among
// the log's sessions before it is welcome.
func (lg *recoveryLog) begin(s *Socket) {
	pid := newPID()
	lg.mu.Lock()
	m := lg.log.Begin(pid, s.id, s)
	lg.mu.Unlock()
	s.setMembership(m)
}

func newPID() string {
	var raw [15]byte
	_, _ = rand.Read(raw[:]) // never fails
	return idEncoding.EncodeToString(raw[:])
}

// join puts a socket into a room, in the session too, under one lock: so what it is
// sent as a member is always the session's, too.
func (lg *recoveryLog) join(s *Socket, room string) {
	m := s.membership()
	if m == nil {
		s.ns.rooms.Join(&s.member, room)
		return
	}
	defer s.ns.rooms.Tell(&s.member)
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if s.ns.rooms.JoinUntold(&s.member, room) {
		lg.log.Join(m, room, s.state.Load() != stateConnecting)
	}
}

// leave takes a socket out of a room, in the session last.
func (lg *recoveryLog) leave(s *Socket, room string) {
	m := s.membership()
	if m == nil {
		s.ns.rooms.Leave(&s.member, room)
		return
	}
	defer s.ns.rooms.Tell(&s.member)
	lg.mu.Lock()
	defer lg.mu.Unlock()
	s.ns.rooms.LeaveUntold(&s.member, room)
	lg.log.Leave(m, room)
}

// welcome makes a socket a member of its namespace, at the same moment as it
// determines what the socket's client has missed, whose references are the
// caller's. It reports false when the socket has ended.
func (lg *recoveryLog) welcome(s *Socket) (missed []message, ok bool) {
	m := s.membership()
	defer lg.ns.rooms.Tell(&s.member)
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if m != nil && !lg.log.Complete(m) {
		if m.History == nil { // while its middlewares ran the limits have cost what it must be sent
			lg.log.GiveUp(m)
			lg.report(m.Session)
		}
		return nil, false
	}
	if !s.enroll((*adapter.Rooms[*Socket]).AddUntold) {
		return nil, false
	}
	if m == nil {
		return nil, true
	}
	missed = lg.log.Admit(m)
	if !m.Recovered && lg.keeper() == nil {
		lg.log.Add(m.Session)
	}
	return missed, true
}

// part ends a socket's part in its session, which is kept when the client may
// come back.
func (lg *recoveryLog) part(s *Socket, reason Reason) {
	m := s.membership()
	if m == nil {
		return
	}
	if r := lg.keeper(); r != nil {
		lg.persist(s, m, r, reason)
		return
	}
	data := s.Data()
	lg.mu.Lock()
	defer lg.mu.Unlock()
	switch {
	case !m.Holds() || !lg.log.Has(m.Session):
	case reason.recoverable() && !lg.ns.srv.closing.Load():
		lg.lose(m.Session, data)
	default:
		lg.log.Forget(m.Session)
	}
}

// refused ends the session of a socket that a middleware has refused.
func (lg *recoveryLog) refused(s *Socket) {
	m := s.membership()
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if m == nil {
		return
	}
	m.DropHistory()
	if m.Recovered && m.Holds() {
		lg.end(m.Session)
	}
}

// lose keeps a session for the client's return. lg.mu is held.
func (lg *recoveryLog) lose(ses *session, data any) {
	ses.Vacate()
	ses.Data = data
	if lg.stopped {
		lg.end(ses)
		return
	}
	size := dataSize(data)
	if !lg.ns.srv.eio.Keep(size) {
		lg.log.Evict(ses)
		lg.report(ses)
		return
	}
	ses.Size = size
	lg.ns.arrive() // unless it is closed, it stays for the client's return
	if evicted := lg.log.Lose(lg.now(), ses); evicted != nil {
		lg.ns.depart() // there is another one
		lg.letGo(evicted)
		lg.report(evicted)
	}
	lg.wake()
}

// end ends a session for good; it is not in the list of lost ones. lg.mu is held.
func (lg *recoveryLog) end(ses *session) {
	lg.log.End(ses)
	lg.report(ses)
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
