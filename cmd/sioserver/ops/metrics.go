package ops

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/metrics"
)

// Metrics are what Prometheus gets of the program: figures of the process, of
// Go's runtime, and of the server once it is watched.
type Metrics struct {
	registry *prometheus.Registry
	handlers *metrics.Handlers
}

// NewMetrics returns metrics of a program without a server.
func NewMetrics() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), handlers: metrics.NewHandlers(metrics.HandlersConfig{})}
	m.registry.MustRegister(
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(),
		m.handlers,
	)
	return m
}

// WrapHandler measures handlers of the server; it is a sio.HandlerWrapper.
func (m *Metrics) WrapHandler(of sio.HandlerInfo, next sio.HandlerFunc) sio.HandlerFunc {
	return m.handlers.Wrap(of, next)
}

// Watch adds the figures of the server, and those of what connects it to
// others, by name. It must be called once at most.
func (m *Metrics) Watch(srv *sio.Server, adapters map[string]func() any) {
	m.registry.MustRegister(metrics.New(srv, metrics.Config{Adapters: adapters}))
}

// handler answers Prometheus.
func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
