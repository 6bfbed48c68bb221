// Package metrics exports the figures of a server to Prometheus. Only programs
// that import it link Prometheus' client.
//
//	handlers := metrics.NewHandlers(metrics.HandlersConfig{})
//	server, err := sio.New(sio.Config{WrapHandlers: []sio.HandlerWrapper{handlers.Wrap}})
//	prometheus.MustRegister(metrics.New(server, metrics.Config{}), handlers)
//	http.Handle("/metrics", promhttp.Handler())
//
// A [Collector] reads [sio.Server.Stats] when Prometheus scrapes: the server
// counts what it does in any case, so nothing is added to what a connection, a
// packet or a broadcast costs. [Handlers] measures handlers, which costs two
// readings of the clock and an observation for each call, about 200 ns; leave
// it out if that is too much.
//
// No label comes from a client: the labels are transports, reasons and codes of
// the protocol, names of limits, and for [Handlers] the events that the program
// has registered.
//
// All names begin with "sioserver_". Durations are in seconds and sizes in
// bytes. testdata/metrics.txt has all of them with their explanations,
// dashboard.json is a dashboard for Grafana, and alerts.yml has rules for
// alerts.
package metrics
