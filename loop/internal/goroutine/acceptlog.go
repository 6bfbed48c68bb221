package goroutine

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// acceptQuiet is how long accept must not have failed before the log says that
// it works again.
const acceptQuiet = 5 * time.Second

// AcceptLog counts the failures of accept, and logs the first of many and their
// end. It is safe for concurrent use.
type AcceptLog struct {
	Logger   *slog.Logger
	Tasks    *sync.WaitGroup // of the goroutines that log; a caller has it above 0
	failures atomic.Int64

	mu     sync.Mutex // guards what follows
	logged bool       // the first failure
	last   time.Time
}

// Failures is how often accept has failed.
func (a *AcceptLog) Failures() int64 { return a.failures.Load() }

// Failed accounts for a failure.
func (a *AcceptLog) Failed(err error) {
	a.failures.Add(1)
	a.mu.Lock()
	first := !a.logged
	a.logged, a.last = true, time.Now()
	a.mu.Unlock()
	if first {
		// The application's handler may end its goroutine.
		a.Tasks.Go(func() { a.Logger.Warn("loop: cannot accept connections; they wait", "error", err) })
	}
}

// Succeeded accounts for an accepted connection.
func (a *AcceptLog) Succeeded() {
	a.mu.Lock()
	over := a.logged && time.Since(a.last) > acceptQuiet
	a.logged = a.logged && !over
	a.mu.Unlock()
	if over {
		a.Tasks.Go(func() { a.Logger.Info("loop: accepting connections again", "failures", a.Failures()) })
	}
}
