package loop

import (
	"log/slog"
	"net/netip"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// Driver runs a Loop in a test. It exists for package looptest. All methods
// belong to the goroutine that acts as the loop, except Mail, Tick and
// Writable, which are safe for concurrent use.
type Driver struct{ l *Loop }

// NewDriver returns a loop over be, which holds sockets.
func NewDriver(index int, be backend.Backend, sockets backend.Sockets, log *slog.Logger, maxQueued, share int) Driver {
	return Driver{newLoop(index, be, sockets, log, maxQueued, share)}
}

// Loop returns the driven loop.
func (d Driver) Loop() *Loop { return d.l }

// Open makes s a connection, with accept or, if attached is not nil, with what
// Sockets.Attach was given.
func (d Driver) Open(s backend.Socket, remote netip.AddrPort, accept func(*Conn) Handler, attached any) *Conn {
	t, ok := attached.(*handoff)
	if !ok {
		t = &handoff{accept: accept}
	}
	c := d.l.newConn(s, remote, t)
	d.l.opened(c, t)
	return c
}

// Receive delivers b to c, unless c is closed.
func (d Driver) Receive(c *Conn, b []byte) {
	if c.flags&isGone == 0 {
		d.l.received(c, b)
	}
}

// Lose ends c from outside.
func (d Driver) Lose(c *Conn, err error) {
	if c.flags&isGone == 0 {
		d.l.lost(c, err)
	}
}

// Turn runs one turn of the loop.
func (d Driver) Turn() { d.l.turn() }

// Mail reports whether the mailbox has tasks. The goroutine that has posted one
// may not have woken the loop yet.
func (d Driver) Mail() bool {
	d.l.mu.Lock()
	defer d.l.mu.Unlock()
	return len(d.l.inbox) > 0
}

// Tick reports that the time given to Backend.SetTimer has come.
func (d Driver) Tick() { d.l.Post(tick{}) }

// Writable reports that the descriptor of the given notice takes bytes again.
func (d Driver) Writable(notice uint32) { d.l.Post(writable(notice)) }

// Shut closes the loop's mailbox and runs the tasks that are left.
func (d Driver) Shut() {
	d.l.closeMailbox()
	d.l.stopCoroutines()
}

// Stats returns the loop's counters.
func (d Driver) Stats() Stats {
	var s Stats
	s.add(&d.l.counters)
	return s
}
