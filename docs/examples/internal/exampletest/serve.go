package exampletest

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/sioserver/sioserver/sio"
)

// Serve serves a router of which srv is a part until the test ends, and returns
// its URL.
func Serve(t testing.TB, router http.Handler, srv *sio.Server, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(router)
	t.Cleanup(func() {
		if err := srv.Close(); err != nil { // first: web waits for polls
			t.Error(err)
		}
		web.Close()
	})
	return web.URL
}

// LogIn returns a client with the cookies that POST /login?user= sets.
func LogIn(t testing.TB, base, user string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	r, err := client.PostForm(base+"/login", url.Values{"user": {user}})
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Fatal(r.Status)
	}
	return client
}

// BasicAuth returns the header of a user with a password.
func BasicAuth(user, password string) http.Header {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return r.Header
}
