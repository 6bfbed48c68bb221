package sio

import (
	"sync/atomic"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/internal/workload"
)

// backlog is what waits on one loop. It is safe for concurrent use.
type backlog struct {
	waiting  workload.Gauge // for all clients of the loop together
	stranded workload.Gauge // for clients that are gone: connection and disconnect handlers, and events that run
	late     workload.Gauge // for clients that are gone: events
}

// A client that sends faster than its handlers run is paused: its connection is
// not read, so TCP slows it down, until about half of its backlog is gone. This
// happens when its own limits are reached, and when its backlog is as large as
// what is left of the loop's limits. So the larger a backlog, the sooner it has
// to wait, all together stay within the limits, and a client for which nothing
// waits can always bring an event.

// charge counts what waits. Safe for concurrent use.
func (c *client) charge(l workload.Load) {
	b := &c.perLoop().backlog
	if c.flags.has(hasLeft) {
		b.stranded.Add(l)
		return
	}
	c.waiting.Add(l)
	b.waiting.Add(l)
}

// discharge takes out what does not wait any more. Safe for concurrent use.
func (c *client) discharge(l workload.Load) {
	p := c.perLoop()
	b := &p.backlog
	rest, ok := c.waiting.Take(l)
	if ok {
		b.waiting.Sub(l)
	} else {
		b.stranded.Sub(l) // it was held before the client left
	}
	p.reportEmpty()
	if ok && c.flags.has(isThrottled) && c.relieved(rest) && c.flags.clear(isThrottled) {
		c.Loop().Post((*resumeTask)(c))
	}
}

// leave stops counting what waits for the client against the limits of the
// others.
func (c *client) leave() {
	c.strand()
	c.flags.set(hasLeft)
	rest := c.waiting.Clear()
	b := &c.perLoop().backlog
	b.waiting.Sub(rest)
	b.stranded.Add(rest)
	c.perLoop().reportHeld(c.Loop())
}

// throttle pauses the client when its backlog is too large. It is called, on
// the loop, when something was added to it.
func (c *client) throttle() {
	c.perLoop().reportHeld(c.Loop())
	if !c.congested(c.waiting.Load()) {
		return
	}
	c.flags.set(isThrottled)
	if c.relieved(c.waiting.Load()) && c.flags.clear(isThrottled) {
		return // meanwhile
	}
	if !c.Session.Paused() {
		c.perLoop().counts.pauses.Add(1)
		c.Session.Pause()
	}
}

// congested reports whether a backlog is as large as may be.
func (c *client) congested(l workload.Load) bool {
	return c.srv.each.Reached(l) || c.unspent().Reached(l)
}

// relieved reports whether a backlog that was too large is small enough to go
// on.
func (c *client) relieved(l workload.Load) bool {
	return l == 0 || !c.srv.each.Of(2).Reached(l) && !c.unspent().Of(2).Reached(l)
}

// unspent is what is left of the loop's limits.
func (c *client) unspent() workload.Limits {
	all, waiting := c.srv.share, c.perLoop().backlog.waiting.Load()
	return workload.Limits{Jobs: all.Jobs - waiting.Jobs(), Bytes: all.Bytes - waiting.Bytes()}
}

// resumeTask is a client whose backlog has shrunk.
type resumeTask client

func (t *resumeTask) Run(*loop.Loop) { (*client)(t).Session.Resume() }

// clientFlags are the facts about a client that any goroutine may need, in one
// word. Safe for concurrent use.
type clientFlags struct{ v atomic.Uint32 }

const (
	isThrottled uint32 = 1 << iota // the session is paused until waiting has shrunk
	hasLeft                        // the session is over
)

func (f *clientFlags) has(flag uint32) bool { return f.v.Load()&flag != 0 }

func (f *clientFlags) set(flag uint32) { f.v.Or(flag) }

// clear clears the flag. It reports false if it was not set.
func (f *clientFlags) clear(flag uint32) bool { return f.v.And(^flag)&flag != 0 }

const (
	// reportStep is by how many bytes what waits changes before the loop is
	// notified.
	reportStep = 1 << 20
	// reportMuch is how many bytes must have waited for the loop to need to
	// know that they are gone.
	reportMuch = 8 << 20
	// jobCost is about what a job that waits takes beside its bytes.
	jobCost = 256
)

// bytes is how much memory waiting jobs hold, those of clients that have left
// included.
func (b *backlog) bytes() int64 {
	var n int64
	for _, g := range [...]*workload.Gauge{&b.waiting, &b.stranded, &b.late} {
		l := g.Load()
		n += l.Bytes() + jobCost*int64(l.Jobs())
	}
	return n
}

// reportHeld reports to the loop l what waits on it (see [loop.Loop.Hold]), if
// that has changed by much. Called on the loop.
func (p *perLoop) reportHeld(l *loop.Loop) {
	n := p.backlog.bytes()
	if d := n - p.reported; d >= reportStep || d <= -reportStep {
		p.reported = n
		l.Hold(int(d))
		p.reportedMuch.Store(n >= reportMuch)
		p.reportEmpty() // it may all have been dealt with since
	}
}

// reportEmpty notifies the loop when little waits any more: the loop does not
// notice that handlers have taken it if nothing new comes. Safe for concurrent
// use.
func (p *perLoop) reportEmpty() {
	if p.reportedMuch.Load() && p.backlog.bytes() < reportStep && p.reportedMuch.CompareAndSwap(true, false) {
		p.loop.Load().Post((*reportHeldTask)(p))
	}
}

// reportHeldTask is what a loop that is to be notified owns.
type reportHeldTask perLoop

func (t *reportHeldTask) Run(l *loop.Loop) { (*perLoop)(t).reportHeld(l) }
