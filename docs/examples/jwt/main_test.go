package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/sioserver/sioserver/docs/examples/internal/exampletest"
)

var key = []byte("the key of the tests, 32 bytes..")

// bearer is the header of a token.
func bearer(t *testing.T, v verifier, user string, lifetime time.Duration) http.Header {
	t.Helper()
	token, err := v.issue(user, lifetime)
	if err != nil {
		t.Fatal(err)
	}
	return http.Header{"Authorization": {"Bearer " + token}}
}

func TestTokenReachesTheSocket(t *testing.T) {
	router, srv, err := newApp(key, time.Hour)
	url := exampletest.Serve(t, router, srv, err)
	for _, transport := range exampletest.Transports {
		for name, o := range map[string]exampletest.Options{
			"header": {Header: bearer(t, verifier{key}, "ada", time.Hour)},
			"cookie": {HTTP: exampletest.LogIn(t, url, "ada")},
		} {
			t.Run(transport+" "+name, func(t *testing.T) {
				o.Transport = transport
				if got := exampletest.Connect(t, url, o).Ask("whoami", ""); got != `["ada"]` {
					t.Errorf("answered with %s", got)
				}
			})
		}
	}
	t.Run("stock client", func(t *testing.T) {
		options := map[string]any{"extraHeaders": map[string]string{"authorization": bearer(t, verifier{key}, "ada", time.Hour).Get("Authorization")}}
		if got := exampletest.Stock(t, url, options, "whoami", ""); got != `"ada"` {
			t.Errorf("answered with %s", got)
		}
	})
}

func TestInvalidTokensAreRefused(t *testing.T) {
	router, srv, err := newApp(key, time.Hour)
	url := exampletest.Serve(t, router, srv, err)
	for name, header := range map[string]http.Header{
		"none":        nil,
		"expired":     bearer(t, verifier{key}, "ada", -time.Hour),
		"another key": bearer(t, verifier{[]byte("another key of the tests, also 32")}, "ada", time.Hour),
		"unsigned":    {"Authorization": {"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJleHAiOjk5OTk5OTk5OTl9."}},
		"no token":    {"Authorization": {"Bearer x"}},
	} {
		for _, transport := range exampletest.Transports {
			t.Run(name+" "+transport, func(t *testing.T) {
				if got := exampletest.Refusal(t, url, exampletest.Options{Transport: transport, Header: header}); got != http.StatusUnauthorized {
					t.Errorf("status %d", got)
				}
			})
		}
	}
}

// TestRefresh: the socket ends with the last token of its user that it has sent.
func TestRefresh(t *testing.T) {
	t.Parallel()
	router, srv, err := newApp(key, time.Hour)
	url := exampletest.Serve(t, router, srv, err)
	c := exampletest.Connect(t, url, exampletest.Options{Header: bearer(t, verifier{key}, "ada", time.Hour)})
	for name, token := range map[string]http.Header{
		"another user": bearer(t, verifier{key}, "bob", time.Hour),
		"expired":      bearer(t, verifier{key}, "ada", -time.Hour),
		"another key":  bearer(t, verifier{[]byte("another key of the tests, also 32")}, "ada", time.Hour),
	} {
		const want = `[{"error":{"message":"the token is not valid","code":"invalid_token"}}]`
		if got := c.Ask("refresh", token.Get("Authorization")[len("Bearer "):]); got != want {
			t.Errorf("%s: answered with %s", name, got)
		}
	}
	if got := c.Ask("refresh", bearer(t, verifier{key}, "ada", 15*time.Second).Get("Authorization")[len("Bearer "):]); got == "[0]" || len(got) < 10 {
		t.Errorf("answered with %s", got)
	}
	if p := c.Next(); p != "41" {
		t.Errorf("got %s", p)
	}
}

func TestSocketEndsWithItsToken(t *testing.T) {
	t.Parallel()
	router, srv, err := newApp(key, time.Hour)
	url := exampletest.Serve(t, router, srv, err)
	c := exampletest.Connect(t, url, exampletest.Options{Header: bearer(t, verifier{key}, "ada", 20*time.Second)})
	if p := c.Next(); p != "41" {
		t.Errorf("got %s", p)
	}
}
