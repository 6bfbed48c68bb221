//go:build linux

package run

import (
	"sync"
	"time"

	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/peer"
)

const (
	watchMemory = 20 * time.Millisecond  // between two readings of the memory
	watchFiles  = 200 * time.Millisecond // of the descriptors
	watchStats  = 500 * time.Millisecond // of the server's own figures
)

// watch measures a server's size periodically, on goroutines of its own, and
// keeps the peaks. It is safe for concurrent use.
type watch struct {
	proc *peer.Process
	stop chan struct{}
	wg   sync.WaitGroup

	mu    sync.Mutex
	peaks size
}

// size is how large a process is.
type size struct {
	rss        int64
	files      int
	goroutines int // 0 if the server does not say
}

func (a size) max(b size) size {
	return size{max(a.rss, b.rss), max(a.files, b.files), max(a.goroutines, b.goroutines)}
}

func newWatch(proc *peer.Process) *watch {
	w := &watch{proc: proc, stop: make(chan struct{})}
	w.every(watchMemory, func() (s size, err error) {
		s.rss, err = measure.ReadRSS(proc.PID())
		return s, err
	})
	w.every(watchFiles, func() (s size, err error) {
		s.files, err = measure.OpenFiles(proc.PID())
		return s, err
	})
	if proc.Peer.Stats {
		w.every(watchStats, func() (size, error) {
			stats, err := proc.AskStats()
			return size{goroutines: stats.Goroutines}, err
		})
	}
	return w
}

// every reads at once and then at the interval. What cannot be read is left
// out: whether a server has ended or does not answer is checked elsewhere.
func (w *watch) every(interval time.Duration, read func() (size, error)) {
	w.wg.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			if s, err := read(); err == nil {
				w.mu.Lock()
				w.peaks = w.peaks.max(s)
				w.mu.Unlock()
			}
			select {
			case <-ticker.C:
			case <-w.stop:
				return
			}
		}
	})
}

func (w *watch) peak() size {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.peaks
}

// end stops the readings; a question that the server does not answer delays it.
func (w *watch) end() {
	close(w.stop)
	w.wg.Wait()
}

// readSize reads how large the server is now, without its goroutines.
func readSize(proc *peer.Process) (s size, err error) {
	if s.rss, err = measure.ReadRSS(proc.PID()); err != nil {
		return s, err
	}
	s.files, err = measure.OpenFiles(proc.PID())
	return s, err
}
