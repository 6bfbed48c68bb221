//go:build linux

package run

import (
	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/stats"
)

// measured runs work within a window and records the servers' processor time
// for each unit of it.
func (s *session) measured(work func() (units int, err error)) error {
	var pids []int
	for _, server := range s.servers.All() {
		pids = append(pids, server.PID())
	}
	window, err := measure.Begin(pids...)
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
	s.writeUsage(usage, units)
	return nil
}

// writeUsage records what each unit has cost, and how busy servers, load and
// other processes were.
func (s *session) writeUsage(usage measure.Usage, units int) {
	per := float64(max(units, 1))
	var nodes, all measure.CPU
	for i, cpu := range usage.Servers {
		all = all.Plus(cpu)
		if i < len(s.servers.Nodes) {
			nodes = nodes.Plus(cpu)
		}
	}
	figures := s.record.Figures
	figures["units"] = float64(units)
	figures["rate_per_s"] = per / usage.Wall.Seconds()
	figures["cpu_us"] = float64(nodes.Total.Microseconds()) / per
	figures["user_us"] = float64(nodes.User.Microseconds()) / per
	figures["system_us"] = float64(nodes.System.Microseconds()) / per
	if s.servers.Redis != nil {
		for i, name := range []string{"sender_us", "receiver_us", "redis_us"} {
			figures[name] = float64(usage.Servers[i].Total.Microseconds()) / per
		}
	}
	figures["server_cores"] = all.Total.Seconds() / usage.Wall.Seconds()
	figures["load_cores"] = usage.Load.Total.Seconds() / usage.Wall.Seconds()
	figures["other_cores"] = usage.Other
	figures["steal_cores"] = usage.Steal
	s.record.Disturbed = usage.Disturbed()
}

// latencies records the percentiles.
func (s *session) latencies(h *stats.Histogram) {
	for name, percent := range map[string]float64{"p50_us": 50, "p90_us": 90, "p99_us": 99, "p999_us": 99.9, "max_us": 100} {
		s.record.Figures[name] = float64(h.Percentile(percent).Microseconds())
	}
}
