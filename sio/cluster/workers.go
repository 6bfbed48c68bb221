package cluster

import "sync"

// workers runs tasks on a bounded number of goroutines, each of which ends when
// nothing is left to do. Safe for concurrent use.
type workers struct {
	limit, maxQueued int
	protect          func(task func()) // calls task and lets no panic out

	mu      sync.Mutex
	running int
	queue   []func()
	closed  bool
}

// do has task run, perhaps later. It reports false when too many wait, or when
// it was closed.
func (w *workers) do(task func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return false
	case w.running < w.limit:
		w.running++
		go w.work(task)
	case len(w.queue) < w.maxQueued:
		w.queue = append(w.queue, task)
	default:
		return false
	}
	return true
}

func (w *workers) work(task func()) {
	over := false
	defer func() {
		if over {
			return
		}
		if task := w.next(); task != nil { // the task has ended its goroutine
			go w.work(task)
		}
	}()
	for task != nil {
		w.protect(task)
		task = w.next()
	}
	over = true
}

// next is the next task; nil when there is none, and then the goroutine must end.
func (w *workers) next() (task func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.queue = nil // lets go of the array
		w.running--
		return nil
	}
	task, w.queue[0] = w.queue[0], nil
	w.queue = w.queue[1:]
	return task
}

// close drops what waits and tells how much that is. What runs goes on.
func (w *workers) close() (dropped int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	dropped, w.queue, w.closed = len(w.queue), nil, true
	return dropped
}

func (w *workers) queued() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue)
}
