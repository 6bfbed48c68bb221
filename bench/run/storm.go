//go:build linux

package run

import (
	"time"

	"github.com/sioserver/sioserver/bench/load"
	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/stats"
)

// afterStorm is how long the server may take to close the last connections,
// within the measurement.
const afterStorm = time.Second

// storm makes connections, each of which leaves as soon as it is open.
func (s *session) storm() error {
	p := s.profile
	if err := s.rest(p.Settle.Std()); err != nil {
		return err
	}
	before, err := measure.OpenFiles(s.proc.PID())
	if err != nil {
		return s.explain(err)
	}
	latency := stats.NewHistogram()
	started := make([]time.Duration, p.Total)
	s.onOpened = func(c *load.Client) {
		latency.Record(s.gen.Now() - started[c.Index])
		c.Close()
	}
	var left int
	err = s.measured(func() (int, error) {
		err := s.await("connections", func() bool {
			for len(s.clients) < p.Total && len(s.clients)-s.opened < p.Concurrency {
				started[len(s.clients)] = s.gen.Now()
				if err := s.dial(); err != nil {
					s.fail(err)
					return false
				}
			}
			s.progress("connections", s.opened, p.Total)
			return s.opened == p.Total
		})
		if err != nil {
			return 0, err
		}
		left, err = s.awaitFiles(before)
		return s.opened, err
	})
	if err != nil {
		return err
	}
	s.latencies(latency)
	s.record.Figures["files_left"] = float64(left)
	return nil
}

// awaitFiles waits until the server has no more descriptors than before, and
// returns how many more it still has.
func (s *session) awaitFiles(before int) (left int, err error) {
	for end := time.Now().Add(afterStorm); ; {
		now, err := measure.OpenFiles(s.proc.PID())
		if err != nil {
			return 0, s.explain(err)
		}
		left = max(0, now-before)
		if left == 0 || time.Now().After(end) {
			return left, nil
		}
		if err := s.rest(turn); err != nil {
			return left, err
		}
	}
}
