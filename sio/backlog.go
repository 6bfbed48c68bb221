package sio

import (
	"sync/atomic"

	"github.com/sioserver/sioserver/loop"
)

// load is work that waits: a number of jobs, and the bytes that they hold. Both are
// one word, so that they change together.
//
//	63      40 39                0
//	|  jobs   |      bytes       |
type load uint64

const (
	loadBytes = 40
	// maxJobs and maxJobBytes are the largest limits of what waits; what passes a
	// limit before it takes effect fits into a load, too.
	maxJobs     = 1 << 22
	maxJobBytes = 1 << 38
)

func loadOf(jobs, bytes int) load { return load(jobs)<<loadBytes | load(bytes) }

func (l load) jobs() int { return int(l >> loadBytes) }

func (l load) bytes() int64 { return int64(l & (1<<loadBytes - 1)) }

// gauge is a load that changes. It is safe for concurrent use.
type gauge struct{ v atomic.Uint64 }

func (g *gauge) load() load { return load(g.v.Load()) }

// add returns the load with l in it.
func (g *gauge) add(l load) load { return load(g.v.Add(uint64(l))) }

func (g *gauge) sub(l load) { g.v.Add(-uint64(l)) }

// take takes l out and returns what is left. It reports false when not all of l is
// there.
func (g *gauge) take(l load) (left load, ok bool) {
	for {
		have := g.load()
		if have.jobs() < l.jobs() || have.bytes() < l.bytes() {
			return have, false
		}
		if g.v.CompareAndSwap(uint64(have), uint64(have-l)) {
			return have - l, true
		}
	}
}

// clear takes everything out.
func (g *gauge) clear() load { return load(g.v.Swap(0)) }

// limits are how much may wait.
type limits struct {
	jobs  int
	bytes int64
}

// passed reports whether a load is larger than may be.
func (m limits) passed(l load) bool { return l.jobs() > m.jobs || l.bytes() > m.bytes }

// reached reports whether a load is as large as may be.
func (m limits) reached(l load) bool { return l.jobs() >= m.jobs || l.bytes() >= m.bytes }

// of returns each of n equal parts; a part is never nothing.
func (m limits) of(n int) limits {
	return limits{max(m.jobs/n, 1), max(m.bytes/int64(n), 1)}
}

// backlog is what waits on one loop. It is safe for concurrent use.
type backlog struct {
	waiting  gauge // for all clients of the loop together
	stranded gauge // for clients that are gone: connection and disconnect handlers, and events that run
	late     gauge // for clients that are gone: events
}

// A client that sends faster than its handlers run is paused: its connection is not
// read, so TCP slows it down, until about half of its backlog is gone. This happens
// when its own limits are reached, and when its backlog is as large as what is left
// of the loop's limits. So the larger a backlog, the sooner it has to wait, all
// together stay within the limits, and a client for which nothing waits can always
// bring an event.

// hold counts what waits. Safe for concurrent use.
func (c *client) hold(l load) {
	b := &c.part().backlog
	if c.signs.has(hasLeft) {
		b.stranded.add(l)
		return
	}
	c.waiting.add(l)
	b.waiting.add(l)
}

// unhold takes out what does not wait any more. Safe for concurrent use.
func (c *client) unhold(l load) {
	p := c.part()
	b := &p.backlog
	rest, ok := c.waiting.take(l)
	if ok {
		b.waiting.sub(l)
	} else {
		b.stranded.sub(l) // it was held before the client left
	}
	p.ebbed()
	if ok && c.signs.has(isThrottled) && c.relieved(rest) && c.signs.clear(isThrottled) {
		c.Loop().Post((*resumeTask)(c))
	}
}

// leave stops counting what waits for the client against the limits of the others.
func (c *client) leave() {
	c.strand()
	c.signs.set(hasLeft)
	rest := c.waiting.clear()
	b := &c.part().backlog
	b.waiting.sub(rest)
	b.stranded.add(rest)
	c.part().tellHeld(c.Loop())
}

// throttle pauses the client when its backlog is too large. It is called, on the
// loop, when something was added to it.
func (c *client) throttle() {
	c.part().tellHeld(c.Loop())
	if !c.congested(c.waiting.load()) {
		return
	}
	c.signs.set(isThrottled)
	if c.relieved(c.waiting.load()) && c.signs.clear(isThrottled) {
		return // meanwhile
	}
	if !c.Session.Paused() {
		c.part().counts.pauses.Add(1)
		c.Session.Pause()
	}
}

// congested reports whether a backlog is as large as may be.
func (c *client) congested(l load) bool { return c.srv.each.reached(l) || c.unspent().reached(l) }

// relieved reports whether a backlog that was too large is small enough to go on.
func (c *client) relieved(l load) bool {
	return l == 0 || !c.srv.each.of(2).reached(l) && !c.unspent().of(2).reached(l)
}

// unspent is what is left of the loop's limits.
func (c *client) unspent() limits {
	all, waiting := c.srv.share, c.part().backlog.waiting.load()
	return limits{all.jobs - waiting.jobs(), all.bytes - waiting.bytes()}
}

// resumeTask is a client whose backlog has shrunk.
type resumeTask client

func (t *resumeTask) Run(*loop.Loop) { (*client)(t).Session.Resume() }
