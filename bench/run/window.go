package run

import (
	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/stats"
)

// measured runs work within a window and writes down what the server's processor spent on each of its units.
func (s *session) measured(work func() (units int, err error)) error {
	window, err := measure.Begin(s.proc.PID())
	if err != nil {
		return s.explain(err)
	}
	units, err := work()
	if err != nil {
		return err
	}
	usage, err := window.End()
	if err != nil {
		return s.explain(err)
	}
	per := float64(max(units, 1))
	figures := s.record.Figures
	figures["units"] = float64(units)
	figures["rate_per_s"] = per / usage.Wall.Seconds()
	figures["cpu_us"] = float64(usage.Servers[0].Total.Microseconds()) / per
	figures["user_us"] = float64(usage.Servers[0].User.Microseconds()) / per
	figures["system_us"] = float64(usage.Servers[0].System.Microseconds()) / per
	figures["server_cores"] = usage.Servers[0].Total.Seconds() / usage.Wall.Seconds()
	figures["load_cores"] = usage.Load.Total.Seconds() / usage.Wall.Seconds()
	figures["other_cores"] = usage.Other
	figures["steal_cores"] = usage.Steal
	s.record.Disturbed = usage.Disturbed()
	return nil
}

// latencies writes down the percentiles.
func (s *session) latencies(h *stats.Histogram) {
	for name, percent := range map[string]float64{"p50_us": 50, "p90_us": 90, "p99_us": 99, "p999_us": 99.9, "max_us": 100} {
		s.record.Figures[name] = float64(h.Percentile(percent).Microseconds())
	}
}
