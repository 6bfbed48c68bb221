package metrics

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sioserver/sioserver/sio"
)

// Config configures a [Collector]. The zero value exports the server's own
// figures.
type Config struct {
	// Adapters have the figures of what connects the server to others, by the
	// name that the label "adapter" gets: functions that return a struct, such
	// as the Stats of redisadapter.PubSub, redisadapter.Streams,
	// redisadapter.Directory or cluster.Node. Its uint64 fields are counters,
	// its int and bool fields gauges, named after the field. They are called
	// when Prometheus scrapes.
	Adapters map[string]func() any
	// LagTimeout is how long a scrape waits for loops that are busy, to measure
	// by how much; 1 s when 0.
	LagTimeout time.Duration
}

// Collector is a [prometheus.Collector] of a server. Safe for concurrent use.
type Collector struct {
	stats      func() sio.Stats
	lag        func(context.Context) []time.Duration
	lagTimeout time.Duration
	families   []described
	lagDesc    *prometheus.Desc
	adapters   []adapter
}

// described is a family with what Prometheus knows it by.
type described struct {
	family
	desc *prometheus.Desc
}

// New returns a collector of srv's figures, which is to be registered. It
// panics if an entry of Config.Adapters does not return a struct.
func New(srv *sio.Server, cfg Config) *Collector {
	return newCollector(srv.Stats, srv.LoopLag, cfg)
}

func newCollector(stats func() sio.Stats, lag func(context.Context) []time.Duration, cfg Config) *Collector {
	c := &Collector{
		stats:      stats,
		lag:        lag,
		lagTimeout: cfg.LagTimeout,
		lagDesc: prometheus.NewDesc(prefix+"loop_lag_seconds",
			"How long a task waits for the event loop now, which all its connections do.", []string{"loop"}, nil),
	}
	if c.lagTimeout <= 0 {
		c.lagTimeout = time.Second
	}
	for _, f := range families {
		c.families = append(c.families, described{f, prometheus.NewDesc(prefix+f.name, f.help, f.labels, nil)})
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Adapters)) {
		c.adapters = append(c.adapters, newAdapter(name, cfg.Adapters[name]))
	}
	return c
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(descs chan<- *prometheus.Desc) {
	for _, f := range c.families {
		descs <- f.desc
	}
	descs <- c.lagDesc
	for _, a := range c.adapters {
		a.describe(descs)
	}
}

// Collect implements [prometheus.Collector]. It takes as long as the busiest
// loop needs to run a task, at most Config.LagTimeout.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	st := c.stats()
	for _, f := range c.families {
		f.values(&st, func(v float64, labels ...string) {
			metrics <- prometheus.MustNewConstMetric(f.desc, f.kind, v, labels...)
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.lagTimeout)
	defer cancel()
	for i, lag := range c.lag(ctx) {
		metrics <- prometheus.MustNewConstMetric(c.lagDesc, prometheus.GaugeValue, lag.Seconds(), strconv.Itoa(i))
	}
	for _, a := range c.adapters {
		a.collect(metrics)
	}
}
