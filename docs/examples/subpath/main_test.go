package main

import (
	"testing"

	"github.com/sioserver/sioserver/docs/examples/internal/exampletest"
)

func TestGreets(t *testing.T) {
	router, srv, err := newApp()
	url := exampletest.Serve(t, router, srv, err)
	exampletest.Page(t, url+"/app/")
	for _, transport := range exampletest.Transports {
		t.Run(transport, func(t *testing.T) {
			c := exampletest.Connect(t, url, exampletest.Options{Transport: transport, Path: "/app/socket.io/"})
			if got := c.Ask("greet", "Ada"); got != `["hello Ada"]` {
				t.Errorf("answered with %s", got)
			}
		})
	}
	t.Run("stock client", func(t *testing.T) {
		if got := exampletest.Stock(t, url, map[string]any{"path": "/app/socket.io/"}, "greet", "Ada"); got != `"hello Ada"` {
			t.Errorf("answered with %s", got)
		}
	})
}
