package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// member is what the oracle knows of one socket of a server, over all
// connections that it is recovered in. The world's mutex guards it.
type member struct {
	id     string // of the socket
	pid    string // of its session, once the client has it
	served bool   // the client has it
	client *client
	node   *node
	nsp    string
	serial string // of the session that it is in
	socket *socket
	server *sio.Socket
	stage  stage
	rooms  map[string]bool
	unsure map[string]bool // rooms that it may be in, or not, until the connection handlers run
	away   time.Time       // when its client has lost it; zero when it has not
	lostAt time.Time       // when the server has
	latest time.Time       // when the last message was emitted that it has got, and that is kept
	reason sio.Reason

	changes int // of rooms and stage
	streams map[string]*stream
	handled map[string]int // events, by session and kind
	parting bool           // the server was told to disconnect it
}

type stage int

const (
	entering stage = iota // in a middleware, or between that and the connection handlers
	present
	absent   // may come back
	finished // may not
)

func (mb *member) key() string { return mb.id + mb.nsp }

func (mb *member) String() string {
	return fmt.Sprintf("socket %s of client %d in %s of node %d", mb.id, mb.client.id, mb.nsp, mb.node.index)
}

// stream is what one sender has sent to one socket.
type stream struct {
	expected []expectation
	last     int // number of the last message that has arrived
}

type expectation struct {
	m    *message
	must bool
}

// finish ends the socket for good: it has no promise any more.
func (mb *member) finish() {
	if mb.stage != finished {
		mb.stage = finished
		mb.changes++
	}
	mb.streams = nil
}

// expect adds a message to those that the socket gets or may get.
func (mb *member) expect(m *message, must bool) {
	if mb.stage == finished {
		return
	}
	st := mb.streams[m.head.S]
	if st == nil {
		st = new(stream)
		mb.streams[m.head.S] = st
	}
	st.expected = append(st.expected, expectation{m, must && !m.volatile})
}

// received takes a message that has arrived at the client.
func (mb *member) received(w *World, m *message) {
	if mb == nil || mb.stage == finished {
		return
	}
	st := mb.streams[m.head.S]
	if st == nil {
		w.fail(fmt.Sprintf("%v gets %v, which was not for it", mb, m))
		return
	}
	i := slices.IndexFunc(st.expected, func(e expectation) bool { return e.m == m })
	if i < 0 {
		if m.head.N <= st.last {
			w.fail(fmt.Sprintf("%v gets %v twice or out of order: %d came before", mb, m, st.last))
		} else {
			w.fail(fmt.Sprintf("%v gets %v, which was not for it", mb, m))
		}
		return
	}
	for _, e := range st.expected[:i] {
		if e.must {
			w.fail(fmt.Sprintf("%v gets %v before %v, or has lost that", mb, m, e.m))
		}
	}
	st.expected = st.expected[i+1:]
	st.last = m.head.N
	if m.kept() {
		mb.latest = m.at
	}
}

// recovered loosens what was expected of a socket when it comes back: events
// that are not kept may be lost.
func (mb *member) recovered() {
	for _, st := range mb.streams {
		for i := range st.expected {
			if !st.expected[i].m.kept() {
				st.expected[i].must = false
			}
		}
	}
}

// missing are messages that must have arrived.
func (mb *member) missing() (all []*message) {
	for _, st := range mb.streams {
		for _, e := range st.expected {
			if e.must {
				all = append(all, e.m)
			}
		}
	}
	slices.SortFunc(all, func(a, b *message) int { return a.order - b.order })
	return all
}

// message is an event that the servers emit.
type message struct {
	head     messageHead
	order    int // of all messages
	size     int
	binary   bool
	volatile bool
	asks     bool          // for an acknowledgement
	answers  time.Duration // within which clients answer; never
	target   selector
	at       time.Time            // when it was emitted
	except   int                  // clients whose id is a multiple of it don't answer; 0 for none
	given    map[string]time.Time // when a socket has answered first
	nsp      string
}

const never = time.Duration(-1)

type messageHead struct {
	S string `json:"s"` // the sender
	N int    `json:"n"`
}

func (m *message) key() string    { return fmt.Sprintf("%s#%d", m.head.S, m.head.N) }
func (m *message) String() string { return "message " + m.key() }

// kept reports whether recovery keeps it.
func (m *message) kept() bool { return !m.volatile && !m.asks }

// args is how many arguments it has, without an offset.
func (m *message) args() int {
	if m.binary {
		return 4
	}
	return 3
}

// skips reports whether the client does not answer.
func (m *message) skips(client int) bool { return m.except > 0 && client%m.except == 0 }

// selector is what a broadcast addresses.
type selector struct {
	rooms, except []string
	self          string // is left out
	local         bool
}

// matches reports whether the selector addresses the member.
func (sel selector) matches(mb *member) bool {
	in := func(room string) bool { return mb.rooms[room] || room == mb.id }
	if sel.self == mb.id || slices.ContainsFunc(sel.except, in) {
		return false
	}
	return len(sel.rooms) == 0 || slices.ContainsFunc(sel.rooms, in)
}

// touchesUnsure reports whether it depends on a room of which the oracle does
// not know whether the member is in it.
func (sel selector) touchesUnsure(mb *member) bool {
	unsure := func(room string) bool { return mb.unsure[room] }
	return slices.ContainsFunc(sel.rooms, unsure) || slices.ContainsFunc(sel.except, unsure)
}

// cast adds a broadcast to what the sockets of a node get.
func (w *World) cast(n *node, m *message) {
	for _, mb := range n.members {
		if mb.nsp != m.nsp || mb.stage == finished {
			continue
		}
		switch matches := m.target.matches(mb); {
		case mb.stage == entering, m.target.touchesUnsure(mb):
			mb.expect(m, false)
		case matches:
			mb.expect(m, mb.stage == present && mb.server.Connected() || m.kept())
		}
	}
}

// mayBeBack reports whether the socket may have been recovered without its
// connection handlers knowing yet.
func (mb *member) mayBeBack() bool {
	return mb.node.recovery > 0 && mb.client.serial != mb.serial && time.Since(mb.client.since) < time.Minute
}

// certain reports whether the server must have the socket in its rooms.
func (mb *member) certain() bool { return mb.stage == present && mb.server.Connected() }

// clientConnected brings a client's socket and the server's together. Their
// order is that of the loops and workers. w.mu is held.
func (w *World) clientConnected(s *socket) {
	var mb *member
	if s.c.version == 4 {
		mb = w.members[s.sid+s.nsp]
	} else {
		for _, other := range w.all {
			if other.serial == s.serial && other.nsp == s.nsp {
				mb = other
			}
		}
	}
	if mb == nil {
		w.fail(fmt.Sprintf("client %d is connected to %s with id %q, which no server has", s.c.id, s.nsp, s.sid))
		return
	}
	if mb.client != s.c {
		w.fail(fmt.Sprintf("client %d gets %v", s.c.id, mb))
		return
	}
	back := mb.pid != "" || mb.served
	switch {
	case back && (s.pid == "" || s.pid != mb.pid || s.pid != s.asks.pid):
		w.fail(fmt.Sprintf("%v comes back without its session", mb))
	case back:
		w.recoveries++
		mb.recovered()
		s.offset = s.asks.offset
	default:
		mb.pid, mb.served = s.pid, true
		w.forget(s, mb)
	}
	mb.away = time.Time{}
	s.member, mb.socket = mb, s
	if mb.stage == finished {
		mb.streams = nil
	}
	w.record(fmt.Sprintf("client %d is connected to %s, back %v", s.c.id, s.nsp, back))
}

// forget ends the sockets that the client of a new one had in its namespace.
// One that could be recovered when it was asked for must have been: a session
// whose connection is not lost yet is not given to another one.
func (w *World) forget(s *socket, is *member) {
	for _, old := range w.all {
		if old.client != s.c || old.nsp != s.nsp || old.socket != nil || old.stage == finished || old == is {
			continue
		}
		asked := old.pid != "" && old.pid == s.asks.pid && old.node == s.c.node && !old.lostAt.After(s.asked)
		if gone := time.Since(old.lostAt); old.stage == absent && asked &&
			max(gone, time.Since(old.latest)) < old.node.recovery-time.Second && old.node.evicted() == 0 {
			w.fail(fmt.Sprintf("%v was lost %v ago (%s) and is not recovered", old, gone, old.reason))
		}
		old.finish()
	}
}

func recoverable(r sio.Reason) bool {
	switch r {
	case sio.ClientNamespaceDisconnect, sio.ServerNamespaceDisconnect, sio.ParseError:
		return false
	}
	return true
}
