//go:build linux

package run

import (
	"errors"
	"time"

	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/stats"
)

// idle connects clients step by step and reads the server's memory at each.
func (s *session) idle() error {
	start := time.Now()
	for _, step := range s.profile.Steps {
		if err := s.connect(step); err != nil {
			return err
		}
		if err := s.rest(s.profile.Settle.Std()); err != nil {
			return err
		}
		sample, err := s.sample(start)
		if err != nil {
			return err
		}
		s.record.Series = append(s.record.Series, sample)
	}
	s.slopes()
	live, err := s.proc.AskHeap(true)
	if errors.Is(err, peer.ErrNoFigures) {
		return nil
	}
	s.record.Figures["heap_live_B"] = float64(live.Used)
	return err
}

// sample reads all figures of the server's memory.
func (s *session) sample(start time.Time) (sample result.Sample, err error) {
	sample.Seconds, sample.Clients = time.Since(start).Seconds(), len(s.clients)
	memory, err := measure.ReadMemory(s.proc.PID())
	if err != nil {
		return sample, s.explain(err)
	}
	sample.RSS, sample.PSS = memory.RSS, memory.PSS
	if sample.Kernel, err = measure.KernelMemory(); err != nil {
		return sample, err
	}
	heap, err := s.proc.AskHeap(false)
	if errors.Is(err, peer.ErrNoFigures) {
		return sample, nil
	}
	sample.HeapUsed = heap.Used
	return sample, err
}

// slopes fits a line through each kind of memory.
func (s *session) slopes() {
	series := s.record.Series
	fit := func(value func(result.Sample) int64) stats.Line {
		var x, y []float64
		for _, sample := range series {
			x = append(x, float64(sample.Clients))
			y = append(y, float64(value(sample)))
		}
		return stats.FitLine(x, y)
	}
	figures := s.record.Figures
	rss := fit(func(m result.Sample) int64 { return m.RSS })
	figures["rss_slope_B"], figures["rss_r2"] = rss.Slope, rss.R2
	figures["pss_slope_B"] = fit(func(m result.Sample) int64 { return m.PSS }).Slope
	figures["kernel_slope_B"] = fit(func(m result.Sample) int64 { return m.Kernel }).Slope
	if series[0].HeapUsed > 0 {
		figures["heap_slope_B"] = fit(func(m result.Sample) int64 { return m.HeapUsed }).Slope
	}
	figures["rss_first_B"], figures["rss_last_B"] = float64(series[0].RSS), float64(series[len(series)-1].RSS)
}

// waves connects and closes clients and records the resident set over time.
func (s *session) waves() error {
	start := time.Now()
	var next time.Duration
	s.onTurn = func() error {
		if time.Since(start) < next {
			return nil
		}
		next += s.profile.Sample.Std()
		rss, err := measure.ReadRSS(s.proc.PID())
		if err != nil {
			return s.explain(err)
		}
		s.record.Series = append(s.record.Series, result.Sample{
			Seconds: time.Since(start).Seconds(), Clients: s.opened, RSS: rss,
		})
		return nil
	}
	if err := s.rest(s.profile.Settle.Std()); err != nil {
		return err
	}
	for _, level := range s.profile.Steps {
		if level < len(s.clients) {
			s.drop(level)
		} else if err := s.connect(level); err != nil {
			return err
		}
		if err := s.rest(s.profile.Hold.Std()); err != nil {
			return err
		}
	}
	series := s.record.Series
	peak := int64(0)
	for _, sample := range series {
		peak = max(peak, sample.RSS)
	}
	s.record.Figures["rss_first_B"] = float64(series[0].RSS)
	s.record.Figures["rss_peak_B"] = float64(peak)
	s.record.Figures["rss_last_B"] = float64(series[len(series)-1].RSS)
	return nil
}
