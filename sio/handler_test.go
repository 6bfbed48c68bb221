package sio_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/sio"
)

// TestHandlerInNetHTTP mounts a server beside another route. It listens too.
func TestHandlerInNetHTTP(t *testing.T) {
	srv, err := sio.New(sio.Config{NoClient: true})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	if srv.Addr() != nil {
		t.Errorf("it listens on %v", srv.Addr())
	}
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Errorf("Listen: %v", err)
	}
	f := &fixture{Server: srv, addr: srv.Addr().String()}
	f.join(t)
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", handler)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "the other route") })
	h := httptest.NewServer(mux)
	defer h.Close()
	get := func(path string) (int, string) {
		t.Helper()
		r, err := h.Client().Get(h.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(b)
	}
	if _, body := get("/"); body != "the other route" {
		t.Errorf("got %q", body)
	}
	if status, body := get("/socket.io/?EIO=4&transport=polling"); status != 200 || !strings.HasPrefix(body, `0{"sid":`) {
		t.Errorf("got %d %q", status, body)
	}
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if status, _ := get("/socket.io/?EIO=4&transport=polling"); status != http.StatusServiceUnavailable {
		t.Errorf("after Shutdown: %d", status)
	}
	if _, err := srv.Handler(); err != sio.ErrServerClosed {
		t.Errorf("Handler after Shutdown: %v", err)
	}
}
