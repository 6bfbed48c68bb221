package loop

import (
	"net"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// upcalls is a Loop as its backend calls it.
type upcalls Loop

var _ backend.Loop = (*upcalls)(nil)

// polled is a Conn as its backend holds it.
type polled Conn

// Backend implements backend.Conn.
func (c *polled) Backend() backend.Backend { return c.loop.be }

// sealed is a TLS connection as its backend holds it.
type sealed Conn

// Backend implements backend.Conn.
func (c *sealed) Backend() backend.Backend { return c.loop.be }

// Open implements backend.Loop, as the following methods do.
func (u *upcalls) Open(s backend.Socket, remote net.Addr, attached any) backend.Conn {
	l := (*Loop)(u)
	t, ok := attached.(*handoff)
	if !ok {
		t = l.engine.accepted
	}
	if l.engine.refuses(s, t) {
		l.counters.rejected.Add(1)
		return nil
	}
	if t.tls != nil || t.secured != nil {
		return l.openTLS(s, remote, t)
	}
	c := l.newConn(s, addrPortOf(remote), t)
	l.do(burst{kind: openBurst, c: c, handoff: t})
	return (*polled)(c)
}

// Receive runs the burst of bytes that have arrived.
func (u *upcalls) Receive(c backend.Conn, b []byte) {
	if p, ok := c.(*polled); ok {
		(*Loop)(u).do(burst{kind: receiveBurst, c: (*Conn)(p), data: b})
		return
	}
	(*Loop)(u).do(burst{kind: recordsBurst, c: (*Conn)(c.(*sealed)), data: b})
}

// Lose runs the burst of a connection that is lost.
func (u *upcalls) Lose(c backend.Conn, err error) {
	if err == nil {
		err = ErrShutdown
	}
	lost, ok := c.(*polled)
	if !ok {
		lost = (*polled)(c.(*sealed))
	}
	(*Loop)(u).do(burst{kind: loseBurst, c: (*Conn)(lost), err: err})
}

// Turn runs a turn.
func (u *upcalls) Turn() { (*Loop)(u).do(burst{kind: turnBurst}) }

// Continue is called within the burst.
func (u *upcalls) Continue(c backend.Conn) {
	if c == nil {
		(*Loop)(u).turn()
		return
	}
	(*Loop)(u).prolong((*Conn)(c.(*polled)))
}

// Tick is safe for concurrent use.
func (u *upcalls) Tick() { (*Loop)(u).Post(tick{}) }

// Writable is safe for concurrent use.
func (u *upcalls) Writable(notice uint32) { (*Loop)(u).Post(writable(notice)) }

// burst is one call of the backend, as a task of the loop's coroutine: a
// callback may end its goroutine, and the backend's goroutine must not end.
type burst struct {
	kind    burstKind
	c       *Conn
	data    []byte
	handoff *handoff
	err     error
}

type burstKind uint8

const (
	turnBurst burstKind = iota
	openBurst
	receiveBurst
	recordsBurst
	loseBurst
	closeMailboxBurst
	closeStreamsBurst
	restBurst // the rest of a burst whose goroutine has ended
)

// Run implements Task.
func (b *burst) Run(l *Loop) {
	switch b.kind {
	case turnBurst:
		l.turn()
		l.be.Idle(nil)
	case openBurst:
		l.opened(b.c, b.handoff)
	case receiveBurst:
		l.received(b.c, b.data)
		l.be.Idle((*polled)(b.c))
	case recordsBurst:
		l.receivedRecords(b.c, b.data)
		l.be.Idle((*polled)(b.c))
	case loseBurst:
		l.lost(b.c, b.err)
	case closeMailboxBurst:
		l.closeMailbox()
	case closeStreamsBurst:
		l.closeStreams()
	case restBurst:
		l.end(b.c)
	}
}

// do runs b. If a callback ends the goroutine, do runs the rest of b on another
// one.
func (l *Loop) do(b burst) {
	if l.coroutine == nil {
		l.coroutine = newCoroutine(l)
	}
	l.burst = b
	for !l.coroutine.do(&l.burst) {
		l.coroutine = newCoroutine(l)
		switch l.burst.kind {
		case turnBurst, closeMailboxBurst, closeStreamsBurst: // once more
		case loseBurst:
			l.burst = burst{kind: restBurst}
		default:
			l.burst.kind = restBurst
		}
	}
	l.burst = burst{}
}
