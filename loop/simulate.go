package loop

import (
	"sync/atomic"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// simulated makes the backends of engines while it is set.
var simulated atomic.Pointer[func(backend.Config) (backend.Engine, error)]

// Simulate has engines that start from now on run on the backends of open. It
// exists for package looptest: a backend can only be written inside this
// package's tree. restore ends it.
func Simulate(open func(backend.Config) (backend.Engine, error)) (restore func()) {
	before := simulated.Swap(&open)
	return func() { simulated.Store(before) }
}

// openBackend returns the backend of a new engine.
func openBackend(cfg backend.Config) (backend.Engine, error) {
	if open := simulated.Load(); open != nil {
		return (*open)(cfg)
	}
	return newBackend(cfg)
}

// Timers is how many timers of a loop are armed. Loop-owned.
func Timers(l backend.Loop) int { return l.(*upcalls).wheel.count }

// HasMail reports whether tasks wait in a loop's mailbox. Safe for concurrent
// use.
func HasMail(l backend.Loop) bool { return Driver{(*Loop)(l.(*upcalls))}.Mail() }
