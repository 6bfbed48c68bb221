package exampletest

import (
	"io"
	"net/http"
	"testing"
)

// Page wants another route of the application to work.
func Page(t testing.TB, url string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.StatusCode != http.StatusOK || string(body) != "the application\n" {
		t.Errorf("%s: %s, %s", url, r.Status, body)
	}
}
