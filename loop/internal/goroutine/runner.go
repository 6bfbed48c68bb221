package goroutine

import (
	"time"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// runner is the backend of one loop: the goroutine that runs it.
type runner struct {
	loop   backend.Loop
	wake   chan struct{} // holds one wake-up
	halted <-chan struct{}
	timer  *time.Timer
}

var _ backend.Backend = (*runner)(nil)

// run runs turns until the engine is halted.
func (r *runner) run() {
	for {
		select {
		case <-r.wake:
			r.loop.Turn()
		case <-r.halted:
			return
		}
	}
}

// Wake implements backend.Backend, as the following methods do.
func (r *runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// SetTimer uses one of the runtime's timers.
func (r *runner) SetTimer(at int64) {
	d := time.Duration(at - r.Now())
	if r.timer == nil {
		r.timer = time.AfterFunc(d, r.loop.Tick)
		return
	}
	r.timer.Reset(d)
}

// Now is the time since epoch.
func (r *runner) Now() int64 { return int64(time.Since(epoch)) }

// epoch is a little in the past, so that Now is positive from the start.
var epoch = time.Now().Add(-time.Second)

// Unread is false: what was read is in the loop's mailbox, or on its way there.
func (r *runner) Unread() bool { return false }

// Idle has nothing to do: run waits.
func (r *runner) Idle(backend.Conn) {}

func (r *runner) close() {
	if r.timer != nil {
		r.timer.Stop()
	}
}
