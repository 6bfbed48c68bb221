//go:build linux

package link

import (
	"sync"
	"time"
)

// emit has the server emit the events of a stream. The returned function waits
// for the end of that; then the stream's count is what the server has taken.
func (t *trial) emit(n *node, s *sent, args ...any) (wait func() error) {
	var d done
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d, err = t.order(n, "emit", append([]any{"stream", s.stream}, args...)...)
	}()
	return func() error {
		<-ended
		s.count += d.Count
		t.Figures["sent"] += float64(d.Count)
		t.Figures["refused"] += float64(d.Refused)
		return err
	}
}

// trickle has the server emit 100 small events a second to the watchers, until
// the returned function is called. Then the stream's count is what the server
// has taken.
func (t *trial) trickle(n *node, s *sent) (end func() error) {
	const atOnce, every = 10, 10 * time.Millisecond
	stop := make(chan struct{})
	var failed error
	var running sync.WaitGroup
	running.Go(func() {
		for failed == nil {
			select {
			case <-stop:
				return
			default:
			}
			var d done
			d, failed = t.order(n, "emit", "stream", s.stream, "room", plain, "first", s.count, "count", atOnce, "every", every.Microseconds())
			s.count += d.Count
		}
	})
	return func() error {
		close(stop)
		running.Wait()
		return failed
	}
}
