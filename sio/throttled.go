package sio

import (
	"slices"
	"time"

	"github.com/sioserver/sioserver/loop"
)

// reviewInterval is how long a client may stay paused after others have left
// enough of the loop's limits.
const reviewInterval = 100 * time.Millisecond

// throttledClients are the clients of one loop that were paused. A client goes
// on at once when enough of its own backlog is gone. A review finds those that
// can go on because others have given back: their own jobs may be waiting for
// an acknowledgement that is not read. Loop-owned.
type throttledClients struct {
	list  []*client // some may have gone on or left since the last review
	left  int       // how many in the list have left
	timer loop.Timer
}

// add has the reviews look at a client that was paused.
func (t *throttledClients) add(c *client) {
	if c.flags.has(isListed) {
		return // since an earlier pause
	}
	c.flags.set(isListed)
	t.list = append(t.list, c)
	if !t.timer.Armed() {
		c.Loop().Arm(&t.timer, reviewInterval)
	}
}

// remove is for a client that leaves.
func (t *throttledClients) remove(c *client) {
	if !c.flags.clear(isListed) {
		return
	}
	if t.left++; t.left == len(t.list) {
		t.list, t.left = nil, 0
		c.Loop().Cancel(&t.timer)
	}
}

// Expired implements loop.TimerHandler: it is time for a review. It posts the
// clients that go on, since going on calls user code, which may end the review
// or have others leave.
func (t *throttledClients) Expired(*loop.Timer) {
	t.left = 0
	t.list = slices.DeleteFunc(t.list, func(c *client) bool {
		paused := c.flags.has(isListed) && c.flags.has(isThrottled) // else it has left, or gone on
		if paused && !c.unthrottle(c.waiting.Load()) {
			return false
		}
		c.flags.clear(isListed)
		return true
	})
	if len(t.list) == 0 {
		t.list = nil
		return
	}
	t.list[0].Loop().Arm(&t.timer, reviewInterval)
}
