package await

import (
	"context"
	"sync"
)

// Tally counts operations in progress, for an end that waits for them. Safe for
// concurrent use.
type Tally struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n is 0; nil unless waited for
}

// Begin counts an operation that begins.
func (t *Tally) Begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
}

// End counts one that has ended.
func (t *Tally) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n == 0 && t.none != nil {
		close(t.none)
		t.none = nil
	}
}

// Wait returns nil when no operation is in progress, or ctx's error when ctx is
// done first.
func (t *Tally) Wait(ctx context.Context) error {
	t.mu.Lock()
	none := t.none
	if t.n > 0 && none == nil {
		none = make(chan struct{})
		t.none = none
	}
	t.mu.Unlock()
	if none == nil {
		return nil
	}
	select {
	case <-none:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
