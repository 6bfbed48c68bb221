package sio

import "github.com/sioserver/sioserver/loop"

const (
	// heldStep is by how many bytes what waits changes before the loop is told.
	heldStep = 1 << 20
	// heldMuch is from how many bytes on it is of interest to the loop that they
	// were let go of.
	heldMuch = 8 << 20
	// jobCost is about what a job that waits takes beside its bytes.
	jobCost = 256
)

// bytes is how much memory is held by what waits, for clients that have left, too.
func (b *backlog) bytes() int64 {
	var n int64
	for _, g := range [...]*gauge{&b.waiting, &b.stranded, &b.late} {
		l := g.load()
		n += l.bytes() + jobCost*int64(l.jobs())
	}
	return n
}

// tellHeld tells the loop l what waits on it (see [loop.Loop.Hold]), when that has
// changed by much. Called on the loop.
func (p *part) tellHeld(l *loop.Loop) {
	n := p.backlog.bytes()
	if d := n - p.told; d >= heldStep || d <= -heldStep {
		p.told = n
		l.Hold(int(d))
		p.much.Store(n >= heldMuch)
		p.ebbed() // it may all have been dealt with since
	}
}

// ebbed has the loop told that little waits any more, which is not noticed there
// when handlers have dealt with it and nothing new comes. Safe for concurrent use.
func (p *part) ebbed() {
	if p.much.Load() && p.backlog.bytes() < heldStep && p.much.CompareAndSwap(true, false) {
		p.loop.Load().Post((*tellHeldTask)(p))
	}
}

// tellHeldTask is a part with a loop to be told.
type tellHeldTask part

func (t *tellHeldTask) Run(l *loop.Loop) { (*part)(t).tellHeld(l) }
