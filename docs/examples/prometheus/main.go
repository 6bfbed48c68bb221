// Command prometheus serves Socket.IO, and its figures to Prometheus on an
// address of their own: curl localhost:9090/metrics.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/metrics"
)

func main() {
	srv, figures, err := newApp()
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.ListenAndServe("localhost:9090", figures)) }()
	log.Fatal(srv.ListenAndServe("localhost:3000"))
}

// newApp returns a server, and the handler of its figures.
func newApp() (*sio.Server, http.Handler, error) {
	handlers := metrics.NewHandlers(metrics.HandlersConfig{})
	srv, err := sio.New(sio.Config{WrapHandlers: []sio.HandlerWrapper{handlers.Wrap}})
	if err != nil {
		return nil, nil, err
	}
	sio.OnAck(srv, "greet", func(_ context.Context, s *sio.Socket, name string) (string, error) {
		return "hello " + name, nil
	})
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.New(srv, metrics.Config{}), handlers)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return srv, mux, nil
}
