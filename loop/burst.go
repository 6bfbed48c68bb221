package loop

import (
	"net"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// upcalls is a Loop as its backend calls it.
type upcalls Loop

var _ backend.Loop = (*upcalls)(nil)

// polled is a Conn as the backend knows it.
type polled Conn

// Backend implements backend.Conn.
func (c *polled) Backend() backend.Backend { return c.loop.be }

// Open implements backend.Loop, as the following methods do.
func (u *upcalls) Open(s backend.Socket, remote net.Addr, attached any) backend.Conn {
	l := (*Loop)(u)
	t, ok := attached.(*handoff)
	if !ok {
		t = l.engine.door
	}
	if l.engine.refuses(s, t) {
		l.counters.rejected.Add(1)
		return nil
	}
	c := l.newConn(s, addrPortOf(remote), t)
	l.do(burst{kind: anOpening, c: c, handoff: t})
	return (*polled)(c)
}

// Receive runs the burst of bytes that have arrived.
func (u *upcalls) Receive(c backend.Conn, b []byte) {
	(*Loop)(u).do(burst{kind: anArrival, c: (*Conn)(c.(*polled)), data: b})
}

// Lose runs the burst of a connection that is lost.
func (u *upcalls) Lose(c backend.Conn, err error) {
	if err == nil {
		err = ErrShutdown
	}
	(*Loop)(u).do(burst{kind: aLoss, c: (*Conn)(c.(*polled)), err: err})
}

// Turn runs a turn.
func (u *upcalls) Turn() { (*Loop)(u).do(burst{kind: aTurn}) }

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

// burst is what the backend calls for, as a task of the loop's coroutine:
// callbacks may end the goroutine that they run on, and the backend's must not
// end.
type burst struct {
	kind    burstKind
	c       *Conn
	data    []byte
	handoff *handoff
	err     error
}

type burstKind uint8

const (
	aTurn burstKind = iota
	anOpening
	anArrival // of bytes
	aLoss
	mailEnds
	streamsEnd
	theRest // of a burst whose goroutine has ended
)

// Run implements Task.
func (b *burst) Run(l *Loop) {
	switch b.kind {
	case aTurn:
		l.turn()
		l.be.Idle(nil)
	case anOpening:
		l.opened(b.c, b.handoff)
	case anArrival:
		l.received(b.c, b.data)
		l.be.Idle((*polled)(b.c))
	case aLoss:
		l.lost(b.c, b.err)
	case mailEnds:
		l.shut()
	case streamsEnd:
		l.closeStreams()
	case theRest:
		l.end(b.c)
	}
}

// do runs b. When a callback ends the goroutine before b has finished, do runs
// the rest of it on another one.
func (l *Loop) do(b burst) {
	if l.runner == nil {
		l.runner = newCoroutine(l)
	}
	l.burst = b
	for !l.runner.do(&l.burst) {
		l.runner = newCoroutine(l)
		switch l.burst.kind {
		case aTurn, mailEnds, streamsEnd: // once more
		case aLoss:
			l.burst = burst{kind: theRest}
		default:
			l.burst.kind = theRest
		}
	}
	l.burst = burst{}
}
