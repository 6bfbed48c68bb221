package sio

import (
	"bytes"
	"crypto/rand"
	"math"
	"slices"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/adapter"
)

// session is a socket across its clients' connections. Guarded by the log's lock,
// but for id and pid, which are immutable.
type session struct {
	pid    string
	id     socketID
	socket *Socket // the present one; nil while lost
	born   uint64  // the position from which on what is for the socket's id is its own
	start  uint64  // the position from which on it is a member of the namespace
	stays  []stay

	lostAt     time.Time
	data       any
	prev, next *session // in the list of lost ones
}

// stay is being in a room between two positions: it got the packets from on, up
// to but not including to.
type stay struct {
	room     string
	from, to uint64
}

// forever is a position that no packet gets.
const forever = math.MaxUint64

// visit is a socket's part in a session. Its fields are guarded by the log's lock,
// but for session and recovered, which are immutable.
type visit struct {
	session   *session
	recovered bool
	behind    bool   // it has not been sent yet what was missed
	from      uint64 // the first position that may have been missed

	history *history  // with a Recoverer, while behind
	left    time.Time // with a Recoverer, when its session was persisted
}

// wants reports whether the packet at a position was for the session, whose
// membership in is.
func (ses *session) wants(k *keptPacket, pos uint64, in membership) bool {
	wanted := len(k.rooms) == 0 && ses.start <= pos
	for _, room := range k.rooms {
		wanted = wanted || in(room, pos)
	}
	if !wanted {
		return false
	}
	for _, room := range k.except {
		if in(room, pos) {
			return false
		}
	}
	return true
}

// membership reports whether a session was in a room at a position.
type membership func(room string, pos uint64) bool

// manyStays is from how many stays on an index of them pays.
const manyStays = 8

// membership is the session's, valid until it changes.
func (ses *session) membership() membership {
	staysIn := func(string) []stay { return ses.stays }
	if len(ses.stays) > manyStays {
		index := make(map[string][]stay, len(ses.stays))
		for _, st := range ses.stays {
			index[st.room] = append(index[st.room], st)
		}
		staysIn = func(room string) []stay { return index[room] }
	}
	return func(room string, pos uint64) bool {
		if room == string(ses.id[:]) {
			return ses.born <= pos
		}
		for _, st := range staysIn(room) {
			if st.room == room && st.from <= pos && pos < st.to {
				return true
			}
		}
		return false
	}
}

// rooms are those that the session is in now.
func (ses *session) rooms() (rooms []string) {
	for _, st := range ses.stays {
		if st.to == forever {
			rooms = append(rooms, st.room)
		}
	}
	return rooms
}

// join puts a socket into a room, in the session first: so what it is sent as a
// member is always the session's, too.
func (lg *recoveryLog) join(s *Socket, room string) {
	v := s.visit()
	if v == nil {
		s.ns.rooms.Join(&s.member, room)
		return
	}
	defer s.ns.rooms.Tell(&s.member)
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if s.ns.rooms.JoinUntold(&s.member, room) && v.session.socket == s {
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
	defer s.ns.rooms.Tell(&s.member)
	lg.mu.Lock()
	defer lg.mu.Unlock()
	s.ns.rooms.LeaveUntold(&s.member, room)
	if v.session.socket == s {
		v.session.exit(room, lg.next(), lg.first)
	}
}

// enter begins the stay in a room, unless there is one.
func (ses *session) enter(room string, from uint64) bool {
	for _, st := range ses.stays {
		if st.room == room && st.to == forever {
			return false
		}
	}
	ses.stays = append(ses.stays, stay{room, from, forever})
	return true
}

// exit ends the stay in a room and forgets those that no kept packet knows.
func (ses *session) exit(room string, to, first uint64) {
	for i := range ses.stays {
		if st := &ses.stays[i]; st.room == room && st.to == forever {
			st.to = to
		}
	}
	ses.stays = slices.DeleteFunc(ses.stays, func(st stay) bool { return st.to <= max(st.from, first) })
}

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

// welcome makes a socket a member of its namespace, at the same moment as it
// determines what the socket's client has missed, whose references are the
// caller's. It reports false when the socket has ended.
func (lg *recoveryLog) welcome(s *Socket) (missed []message, ok bool) {
	v := s.visit()
	defer lg.ns.rooms.Tell(&s.member)
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if v != nil && v.history != nil && !lg.caughtUp(v.history) {
		return nil, false
	}
	if v != nil && v.behind && v.history == nil && v.from < lg.first {
		// While its middlewares ran the limits have cost what it must be sent.
		lg.stats.Failed++
		lg.end(v.session)
		return nil, false
	}
	if !s.enroll((*adapter.Rooms[*Socket]).AddUntold) {
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
	if v != nil && v.recovered && v.session.socket == s {
		lg.end(v.session)
	}
}

// lose keeps a session for the client's return. lg.mu is held.
func (lg *recoveryLog) lose(ses *session, data any) {
	ses.socket, ses.data, ses.lostAt = nil, data, time.Now()
	lg.lost.push(ses)
	if lg.lost.count > lg.cfg.MaxSessions {
		oldest := lg.lost.oldest()
		lg.lost.remove(oldest)
		lg.stats.Evicted++
		lg.end(oldest)
	}
	lg.wake(ses.lostAt)
}

// end ends a session for good; it is not in the list of lost ones. lg.mu is held.
func (lg *recoveryLog) end(ses *session) {
	delete(lg.sessions, ses.pid)
	lg.stats.Expired++
	if lg.cfg.OnExpire == nil {
		return
	}
	lg.expired = append(lg.expired, ExpiredSession{lg.ns, string(ses.id[:]), ses.rooms(), ses.data})
	if lg.timer != nil && !lg.sweeping {
		lg.timer.Reset(0)
	}
	lg.wake(time.Now())
}

// wish is what a client that wants to come back sends.
type wish struct{ PID, Offset string }

// asked is the wish in the authentication data of a client; PID is "" when there is none.
func asked(auth []byte) (w wish) {
	if !bytes.Contains(auth, []byte(`"pid"`)) || jsonenc.Unmarshal(auth, &w) != nil {
		return wish{}
	}
	return w
}

// claim gives the session that a client asks for to its new socket s. It reports
// the session's present socket when the server does not know yet, or it is not
// true, that its client is gone; waited tells that it had time to notice.
func (lg *recoveryLog) claim(s *Socket, auth []byte, waited bool) (v *visit, holder *Socket) {
	asks := asked(auth)
	if asks.PID == "" {
		return nil, nil
	}
	o, valid := parseOffset(asks.Offset)
	lg.mu.Lock()
	defer lg.mu.Unlock()
	pos, known := lg.position(o)
	ses := lg.sessions[asks.PID]
	if !valid || !known || ses == nil ||
		ses.socket == nil && time.Since(ses.lostAt) > lg.cfg.MaxDisconnectionDuration {
		lg.stats.Failed++
		return nil, nil
	}
	if ses.socket != nil {
		if waited {
			lg.stats.Failed++
		}
		return nil, ses.socket
	}
	lg.lost.remove(ses)
	ses.socket = s
	return &visit{session: ses, recovered: true, behind: true, from: pos + 1}, nil
}

// resume gives a socket what belongs to the session that it has claimed.
func (lg *recoveryLog) resume(s *Socket, v *visit) {
	lg.mu.Lock()
	rooms, data := v.session.rooms(), v.session.data
	lg.mu.Unlock()
	lg.ns.rooms.Join(&s.member, rooms...)
	s.setVisit(v)
	if data != nil {
		s.SetData(data)
	}
}

// unclaim takes back a claim.
func (lg *recoveryLog) unclaim(v *visit) {
	if r := lg.keeper(); r != nil {
		r.Persist(v.history.session)
		return
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	lg.lose(v.session, v.session.data)
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

// noticeTime is how long a loop may take to notice the end of a connection that
// is already at the kernel.
const noticeTime = 20 * time.Millisecond

// await lets a client that asks for the session of a socket wait until the loop
// of that socket must have noticed that it is gone. Meanwhile it is in limbo, and
// counts as one who has arrived in the namespace.
func (c *client) await(holder *Socket, ns *Namespace, auth []byte) {
	t := &returnTask{s: c.limbo(ns.name), ns: ns, auth: slices.Clone(auth)}
	home := holder.client.Loop()
	home.PostFunc(func() {
		home.AfterFunc(noticeTime, func() {
			// Posted, so that it comes after what a late loop finds at the kernel now.
			home.PostFunc(func() { c.Loop().Post(t) })
		})
	})
}

// returnTask is a client that has waited.
type returnTask struct {
	s    *Socket
	ns   *Namespace
	auth []byte
}

func (t *returnTask) Run(*loop.Loop) {
	defer t.ns.depart()
	if t.s.leaveLimbo() {
		t.s.client.enter(t.ns, t.auth, true, nil)
	}
}

// lostList is the lost sessions, oldest first.
type lostList struct {
	root  session
	count int
}

func (l *lostList) init() { l.root.prev, l.root.next = &l.root, &l.root }

func (l *lostList) oldest() *session {
	if l.count == 0 {
		return nil
	}
	return l.root.next
}

func (l *lostList) push(ses *session) {
	ses.prev, ses.next = l.root.prev, &l.root
	ses.prev.next, ses.next.prev = ses, ses
	l.count++
}

func (l *lostList) remove(ses *session) {
	ses.prev.next, ses.next.prev = ses.next, ses.prev
	ses.prev, ses.next = nil, nil
	l.count--
}
