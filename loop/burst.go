package loop

// burst is what gnet's loop calls for, as a task of the reactor's stand: the
// callbacks may end the goroutine that they run on, and gnet's must not end.
type burst struct {
	r      *reactor
	kind   burstKind
	c      *Conn
	data   []byte
	ticket *ticket
	err    error
}

type burstKind uint8

const (
	aTurn burstKind = iota
	anOpening
	anArrival // of bytes
	aLoss
	theEnd  // of the loop
	relays  // are closed
	theRest // of a burst whose goroutine has ended
)

// Run implements Task.
func (b *burst) Run(l *Loop) {
	switch b.kind {
	case aTurn:
		l.turn()
		b.r.idle(nil)
	case anOpening:
		l.opened(b.c, b.ticket)
	case anArrival:
		l.received(b.c, b.data)
		b.r.idle(b.c)
	case aLoss:
		l.lost(b.c, b.err)
	case theEnd:
		l.shut()
	case relays:
		l.closeRelays()
	case theRest:
		l.end(b.c)
	}
}

// do runs b and, when a callback ends the goroutine in the midst of it, what is
// left to do of it.
func (r *reactor) do(b burst) {
	if r.stand == nil {
		r.stand = newStand(r.loop)
	}
	r.burst = b
	r.burst.r = r
	for !r.stand.do(&r.burst) {
		r.stand = newStand(r.loop)
		switch r.burst.kind {
		case aTurn, theEnd, relays: // once more
		case aLoss:
			r.burst = burst{r: r, kind: theRest}
		default:
			r.burst.kind = theRest
		}
	}
	r.burst = burst{}
}
