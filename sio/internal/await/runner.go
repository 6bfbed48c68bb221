package await

import (
	"context"
	"sync"
	"time"

	"github.com/sioserver/sioserver/sio/internal/fifo"
)

// Runner makes calls that may block, a few at a time, on goroutines of its own,
// which exist while there are calls. Safe for concurrent use.
type Runner struct {
	Limit int // how many calls run at the same time; set before the first

	mu      sync.Mutex
	waiting fifo.Queue[func()]
	running int
	idle    chan struct{} // closed when all is done; nil unless waited for
}

// Go has call called. It may end its goroutine, but must not panic.
func (r *Runner) Go(call func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting.Push(call)
	if r.running < r.Limit {
		r.running++
		go r.run()
	}
}

func (r *Runner) run() {
	ended := false
	defer func() {
		if !ended {
			go r.run() // a call has ended the goroutine
		}
	}()
	for {
		call := r.next()
		if call == nil {
			ended = true
			return
		}
		call()
	}
}

// next returns the call that waits longest. If none does it returns nil, and
// the caller must end.
func (r *Runner) next() (call func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting.Len() > 0 {
		return r.waiting.Pop()
	}
	if r.running--; r.running == 0 && r.idle != nil {
		close(r.idle)
		r.idle = nil
	}
	return nil
}

// Wait waits until no call waits or runs. When ctx ends first it gives grace
// more, then returns the error of ctx.
func (r *Runner) Wait(ctx context.Context, grace time.Duration) error {
	r.mu.Lock()
	if r.running == 0 {
		r.mu.Unlock()
		return nil
	}
	if r.idle == nil {
		r.idle = make(chan struct{})
	}
	idle := r.idle
	r.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-idle:
		return nil
	case <-time.After(grace):
		return ctx.Err()
	}
}
