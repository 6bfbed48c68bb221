package main

import (
	"net/http"
	"testing"

	"github.com/sioserver/sioserver/docs/examples/internal/exampletest"
)

func TestUserReachesTheSocket(t *testing.T) {
	router, srv, err := newApp()
	url := exampletest.Serve(t, router, srv, err)
	exampletest.Page(t, url)
	for _, transport := range exampletest.Transports {
		t.Run(transport, func(t *testing.T) {
			header := exampletest.BasicAuth("ada", "secret")
			c := exampletest.Connect(t, url, exampletest.Options{Transport: transport, Header: header})
			if got := c.Ask("whoami", ""); got != `["ada"]` {
				t.Errorf("answered with %s", got)
			}
			if status := exampletest.Refusal(t, url, exampletest.Options{Transport: transport}); status != http.StatusUnauthorized {
				t.Errorf("without a user: status %d", status)
			}
		})
	}
	t.Run("stock client", func(t *testing.T) {
		options := map[string]any{"extraHeaders": map[string]string{"authorization": exampletest.BasicAuth("ada", "secret").Get("Authorization")}}
		if got := exampletest.Stock(t, url, options, "whoami", ""); got != `"ada"` {
			t.Errorf("answered with %s", got)
		}
	})
}
