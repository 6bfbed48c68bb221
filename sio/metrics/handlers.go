package metrics

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sioserver/sioserver/sio"
)

// HandlersConfig configures [Handlers].
type HandlersConfig struct {
	// MaxEvents is for how many pairs of namespace and event there are series;
	// 200 when 0. Handlers of further ones are counted together, with both
	// labels "other".
	MaxEvents int
	// Buckets are the upper bounds of the histogram, in seconds; from 100 µs to
	// 10 s when nil.
	Buckets []float64
}

// other is the label of events beyond HandlersConfig.MaxEvents.
const other = "other"

// Handlers measures event handlers: how long they take, and how many fail. Its
// method Wrap goes into [sio.Config.WrapHandlers] of one or several servers,
// and itself is to be registered. Labels are namespaces and events that the
// program has registered handlers for; catch-all handlers and packet
// middlewares have the events "(any)" and "(packet)". Safe for concurrent use.
type Handlers struct {
	seconds *prometheus.HistogramVec
	errors  *prometheus.CounterVec
	panics  *prometheus.CounterVec
	most    int

	mu   sync.Mutex
	seen map[[2]string]struct{}
}

// NewHandlers returns Handlers without series. It panics if
// HandlersConfig.Buckets are not in increasing order.
func NewHandlers(cfg HandlersConfig) *Handlers {
	if cfg.MaxEvents <= 0 {
		cfg.MaxEvents = 200
	}
	if cfg.Buckets == nil {
		cfg.Buckets = []float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}
	}
	labels := []string{"namespace", "event"}
	return &Handlers{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "handler_duration_seconds", Help: "How long handlers of events take.", Buckets: cfg.Buckets,
		}, labels),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "handler_errors_total", Help: "Calls of handlers that returned an error.",
		}, labels),
		panics: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "handler_panics_total", Help: "Calls of handlers that panicked or ended their goroutine.",
		}, labels),
		most: cfg.MaxEvents,
		seen: make(map[[2]string]struct{}),
	}
}

// Wrap implements [sio.HandlerWrapper].
func (h *Handlers) Wrap(of sio.HandlerInfo, next sio.HandlerFunc) sio.HandlerFunc {
	namespace, event := h.labels(of)
	seconds := h.seconds.WithLabelValues(namespace, event)
	errors, panics := h.errors.WithLabelValues(namespace, event), h.panics.WithLabelValues(namespace, event)
	return func(ctx context.Context, e *sio.Event) (err error) {
		began, returned := time.Now(), false
		defer func() {
			seconds.Observe(time.Since(began).Seconds())
			switch {
			case !returned:
				panics.Inc()
			case err != nil:
				errors.Inc()
			}
		}()
		err = next(ctx, e)
		returned = true
		return err
	}
}

// labels returns those of a handler.
func (h *Handlers) labels(of sio.HandlerInfo) (namespace, event string) {
	// A dynamic namespace has the name that a client has asked for, which is not
	// UTF-8 if a parser does not check it.
	namespace, event = strings.ToValidUTF8(of.Namespace, "\ufffd"), strings.ToValidUTF8(of.Event, "\ufffd")
	switch of.Kind {
	case sio.AnyHandler:
		event = "(any)"
	case sio.PacketMiddleware:
		event = "(packet)"
	}
	key := [2]string{namespace, event}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.seen[key]; !known {
		if len(h.seen) >= h.most {
			return other, other
		}
		h.seen[key] = struct{}{}
	}
	return namespace, event
}

// Describe implements [prometheus.Collector].
func (h *Handlers) Describe(descs chan<- *prometheus.Desc) {
	h.seconds.Describe(descs)
	h.errors.Describe(descs)
	h.panics.Describe(descs)
}

// Collect implements [prometheus.Collector].
func (h *Handlers) Collect(metrics chan<- prometheus.Metric) {
	h.seconds.Collect(metrics)
	h.errors.Collect(metrics)
	h.panics.Collect(metrics)
}
