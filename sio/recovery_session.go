package sio

import (
	"math"
	"slices"
	"time"
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
	kept       int      // bytes of data that count while it is lost
	prev, next *session // in the list of lost ones
}

// letGo stops counting the data of a session that is not lost any more.
func (ses *session) letGo(lg *recoveryLog) {
	lg.ns.srv.eio.Keep(-ses.kept)
	ses.kept = 0
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

// forget drops what was fetched for a visit that has come to nothing.
func (v *visit) forget() {
	if v.history != nil {
		v.history.drop()
	}
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
