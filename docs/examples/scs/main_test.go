package main

import (
	"net/http"
	"testing"

	"github.com/sioserver/sioserver/docs/examples/internal/exampletest"
)

func TestSessionReachesTheSocket(t *testing.T) {
	router, srv, err := newApp()
	url := exampletest.Serve(t, router, srv, err)
	ada := exampletest.LogIn(t, url, "ada")
	for _, transport := range exampletest.Transports {
		t.Run(transport, func(t *testing.T) {
			c := exampletest.Connect(t, url, exampletest.Options{Transport: transport, HTTP: ada})
			if got := c.Ask("whoami", ""); got != `["ada"]` {
				t.Errorf("answered with %s", got)
			}
			if status := exampletest.Refusal(t, url, exampletest.Options{Transport: transport}); status != http.StatusUnauthorized {
				t.Errorf("without a session: status %d", status)
			}
		})
	}
}
