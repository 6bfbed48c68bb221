package cluster

import (
	"sync"

	"github.com/sioserver/sioserver/sio/internal/fifo"
)

// workers runs tasks on a bounded number of goroutines, each of which ends when
// no task is left. Safe for concurrent use.
type workers struct {
	limit, maxQueued int
	protect          func(task func()) // calls task and recovers its panic

	mu      sync.Mutex
	running int
	queue   fifo.Queue[func()]
	closed  bool
}

// do runs task on a goroutine, perhaps later. It reports false if too many
// tasks wait, or after close.
func (w *workers) do(task func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return false
	case w.running < w.limit:
		w.running++
		go w.work(task)
	case w.queue.Len() < w.maxQueued:
		w.queue.Push(task)
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

// next returns the next task. If it is nil, the goroutine must end.
func (w *workers) next() (task func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queue.Len() == 0 {
		w.running--
		return nil
	}
	return w.queue.Pop()
}

// close drops the tasks that wait and returns their number. Running tasks go
// on.
func (w *workers) close() (dropped int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	dropped, w.queue, w.closed = w.queue.Len(), fifo.Queue[func()]{}, true
	return dropped
}

func (w *workers) queued() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue.Len()
}
