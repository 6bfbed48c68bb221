package main

import (
	"testing"

	"github.com/sioserver/sioserver/docs/examples/internal/exampletest"
)

func TestGreets(t *testing.T) {
	srv, err := newApp()
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	url := "http://" + srv.Addr().String()
	exampletest.Page(t, url+"/")
	for _, transport := range exampletest.Transports {
		t.Run(transport, func(t *testing.T) {
			c := exampletest.Connect(t, url, exampletest.Options{Transport: transport})
			if got := c.Ask("greet", "Ada"); got != `["hello Ada"]` {
				t.Errorf("answered with %s", got)
			}
		})
	}
	t.Run("stock client", func(t *testing.T) {
		if got := exampletest.Stock(t, url, nil, "greet", "Ada"); got != `"hello Ada"` {
			t.Errorf("answered with %s", got)
		}
	})
}
