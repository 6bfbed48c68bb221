package loop

import (
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/loop/internal/goid"
	"github.com/sioserver/sioserver/loop/invariants"
)

// owned has what the checks of loop-owned calls need, with the build tag
// invariants.
type owned struct {
	maker   string      // the goroutine that made the loop
	inBurst atomic.Bool // a burst runs
	calls   atomic.Uint64
}

// own panics if a loop-owned method is called on another goroutine than the
// loop's. Without the build tag invariants it does nothing.
func (l *Loop) own(method string) {
	if invariants.Enabled {
		l.checkOwner(method)
	}
}

// setInBurst notes the begin and the end of a burst, with the build tag
// invariants. It checks the loop at the end.
func (l *Loop) setInBurst(on bool) {
	if !invariants.Enabled {
		return
	}
	if !on {
		l.check()
	}
	l.owned.inBurst.Store(on)
}

// ownSample is how many calls there are for each one that is checked, while the
// loop is in a burst. A check costs several microseconds, the more the deeper
// the stack is.
const ownSample = 64

// checkOwner compares goroutines. An engine's loops run on their coroutines. A
// loop of package looptest also runs on the test's goroutine, which has made
// it.
func (l *Loop) checkOwner(method string) {
	if l.owned.inBurst.Load() && l.owned.calls.Add(1)%ownSample != 0 {
		return
	}
	caller := goid.Current()
	for acts, ok := delegates.Load(caller); ok; acts, ok = delegates.Load(caller) {
		caller = acts.(string)
	}
	owner, _ := coroutines.Load(caller)
	invariants.Check(owner == l || l.engine == nil && caller == l.owned.maker,
		"loop: "+method+" is called on another goroutine than the loop's")
}

// delegates has the goroutines that act for others, which wait for them.
var delegates sync.Map

// Delegate returns f for a goroutine that runs it while the caller waits: f may
// call what is owned by the caller's loop. Without the build tag invariants it
// returns f itself.
func Delegate(f func()) func() {
	if !invariants.Enabled {
		return f
	}
	caller := goid.Current()
	return func() {
		if id := goid.Current(); id != caller {
			delegates.Store(id, caller)
			defer delegates.Delete(id)
		}
		f()
	}
}

// check panics if one of the loop's invariants is broken. They hold whenever a
// burst ends, and whenever a callback is called.
func (l *Loop) check() {
	for _, c := range l.dirty {
		invariants.Check(c.loop == l, "loop: a dirty connection is another loop's")
		c.checkQueue()
	}
	for _, d := range l.departures {
		invariants.Check(d.c == nil || d.c.flags&isLeaving != 0, "loop: a departing connection is not marked as leaving")
	}
	for id, c := range l.blocked {
		invariants.Check(c.flags&isBlocked != 0 && c.out != nil && c.out.notice == id, "loop: a connection that waits for a notice is not marked as blocked")
		invariants.Check(c.out.counted == c.out.weight(), "loop: the loop has not counted what a blocked connection has queued")
		c.checkQueue()
	}
}

// checkQueue checks what c has queued.
func (c *Conn) checkQueue() {
	if s, ok := c.sock.(*tlsSocket); ok {
		s.check(c)
	}
	invariants.Check(c.frame == nil || c.out == nil, "loop: a connection has a frame beside its outbox")
	if c.out == nil {
		return
	}
	bytes, groups := -c.out.sent, 0
	for _, f := range c.out.frames[c.out.head:] {
		bytes += len(f.payload())
		if f.Group > 0 {
			groups++
		}
	}
	invariants.Check(bytes == c.out.queued, "loop: an outbox has another number of bytes than its frames")
	invariants.Check(groups == c.out.groups, "loop: an outbox has another number of messages than its frames")
}
