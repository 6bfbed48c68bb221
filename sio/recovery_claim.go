package sio

import (
	"bytes"
	"slices"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/recovery"
)

// Coming back to a session of the server's own: a client asks for it when it
// connects, and waits a moment when the server does not know yet that it was gone.

// wish is what a client that wants to come back sends.
type wish struct{ PID, Offset string }

// asked is the wish in the authentication data of a client; PID is "" when there is none.
func asked(auth []byte) (w wish) {
	if !bytes.Contains(auth, []byte(`"pid"`)) || jsonenc.Unmarshal(auth, &w) != nil {
		return wish{}
	}
	return w
}

// arrival is what a client that wants to come back has been through.
type arrival struct {
	outwaited *Socket     // whom it has waited for: see await
	restored  bool        // the adapter was asked for its session, with
	back      *membership // as the outcome; nil when it can't come back
}

// claim gives the session that a client asks for to its new socket s. It reports
// the session's present socket when the server may not know yet that the client of
// that is gone: it had time to notice with the one that was outwaited. (That may
// not be the last to hold the session: others come back, and are lost, too.)
func (lg *recoveryLog) claim(s *Socket, auth []byte, outwaited *Socket) (m *membership, holder *Socket) {
	asks := asked(auth)
	if asks.PID == "" {
		return nil, nil
	}
	o, valid := recovery.ParseOffset(asks.Offset)
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if !valid {
		lg.log.Fail()
		return nil, nil
	}
	m, other := lg.log.Claim(lg.now(), asks.PID, o, s)
	switch {
	case m != nil:
		lg.ns.depart() // s has arrived
		lg.letGo(m.Session)
		return m, nil
	case other == nil:
		return nil, nil
	case other.Socket == outwaited:
		lg.log.Fail()
		return nil, nil
	}
	return nil, other.Socket
}

// resume gives a socket what belongs to the session that it has claimed.
func (lg *recoveryLog) resume(s *Socket, m *membership) {
	lg.mu.Lock()
	rooms, data := m.Session.Rooms(), m.Session.Data
	lg.mu.Unlock()
	lg.ns.rooms.Join(&s.member, rooms...)
	s.setMembership(m)
	if data != nil {
		s.setData(data, true)
	}
}

// unclaim takes back a claim.
func (lg *recoveryLog) unclaim(m *membership) {
	if r := lg.keeper(); r != nil {
		r.Persist(m.History.Record.(adapter.Session))
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if m.History == nil {
		lg.lose(m.Session, m.Session.Data)
	}
	m.DropHistory()
}

const (
	// noticeTime is how long the end of a connection may take to come to its loop.
	noticeTime = 20 * time.Millisecond
	// noticeTimes is how often it is waited for when it is at the kernel already: a
	// loop that is late notices its own timers first.
	noticeTimes = 50
)

// await lets a client that asks for the session of a socket wait until the loop
// of that socket must have noticed that it is gone. Meanwhile it is in limbo, and
// counts as one who has arrived in the namespace, unless it leaves.
func (c *client) await(holder *Socket, ns *Namespace, auth []byte) {
	t := &returnTask{s: c.limbo(ns.name), ns: ns, auth: slices.Clone(auth), holder: holder}
	t.s.mu.Lock()
	t.s.rareLocked().awaits = t
	t.s.mu.Unlock()
	c.hold(t.load())
	c.throttle()
	holder.client.Loop().PostFunc(func() { t.wait(noticeTimes) })
}

// returnTask is a client that has waited.
type returnTask struct {
	s      *Socket
	ns     *Namespace
	auth   []byte
	holder *Socket
}

// wait lets the client go on, unless there is an end to be noticed. It is called on the
// holder's loop.
func (t *returnTask) wait(times int) {
	holder := t.holder.client
	holder.Loop().AfterFunc(noticeTime, func() {
		if times > 1 && holder.HungUp() {
			t.wait(times - 1)
			return
		}
		t.s.client.Loop().Post(t)
	})
}

// load is what the client holds while it waits.
func (t *returnTask) load() load { return loadOf(1, len(t.auth)) }

// drop takes back what the client has held and where it has arrived.
func (t *returnTask) drop() {
	t.s.client.unhold(t.load())
	t.ns.depart()
}

func (t *returnTask) Run(*loop.Loop) {
	t.s.mu.Lock()
	awaits := t.s.cold.awaits != nil
	t.s.cold.awaits = nil
	t.s.mu.Unlock()
	if !awaits {
		return // the client has left
	}
	t.s.client.unhold(t.load())
	defer t.ns.depart() // when it has arrived a second time
	if t.s.leaveLimbo() {
		t.s.client.enter(t.ns, t.auth, arrival{outwaited: t.holder})
	}
}
