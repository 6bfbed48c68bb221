// Package wrapping shows what common wrappers of handlers do to the server. Its
// tests are what docs/embedding.md says.
package wrapping

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/sioserver/sioserver/docs/examples/internal/exampletest"
	"github.com/sioserver/sioserver/sio"
)

// serve serves a Socket.IO server behind a wrapper, and returns its URL.
func serve(t *testing.T, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	srv, err := sio.New(sio.Config{})
	if err != nil {
		t.Fatal(err)
	}
	socket, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return exampletest.Serve(t, wrap(socket), srv, nil)
}

// statusRecorder records the status of an answer, as many middlewares do.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (w *statusRecorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find what the wrapped writer can do.
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// opaque is a statusRecorder without Unwrap.
type opaque struct{ http.ResponseWriter }

func TestWrappedWriters(t *testing.T) {
	for _, c := range []struct {
		name               string
		wrap               func(http.Handler) http.Handler
		polling, websocket int
	}{
		{"with Unwrap", func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(&statusRecorder{ResponseWriter: w}, r) })
		}, 200, 101},
		{"without Unwrap", func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(opaque{w}, r) })
		}, 200, 501},
		{"http.TimeoutHandler", func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Minute, "") }, 200, 501},
		{"chi's Compress", middleware.Compress(5), 200, 101},
		{"chi's Logger", middleware.Logger, 200, 101},
		{"chi's Timeout", middleware.Timeout(time.Minute), 200, 101},
		{"http.MaxBytesHandler", func(next http.Handler) http.Handler { return http.MaxBytesHandler(next, 1<<20) }, 200, 101},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := serve(t, c.wrap)
			if got := exampletest.Refusal(t, url, exampletest.Options{Transport: "polling"}); got != c.polling {
				t.Errorf("polling: status %d, want %d", got, c.polling)
			}
			if got := exampletest.Refusal(t, url, exampletest.Options{Transport: "websocket"}); got != c.websocket {
				t.Errorf("WebSocket: status %d, want %d", got, c.websocket)
			}
		})
	}
}

// TestTimeLimitsCutPolls: a poll that waits for longer than a limit around the
// server ends without an answer of the server's, and its session with it.
func TestTimeLimitsCutPolls(t *testing.T) {
	for _, c := range []struct {
		name string
		wrap func(http.Handler) http.Handler
	}{
		{"http.TimeoutHandler", func(next http.Handler) http.Handler { return http.TimeoutHandler(next, 5*time.Second, "") }},
		{"chi's Timeout", middleware.Timeout(5 * time.Second)},
	} {
		t.Run(c.name, func(t *testing.T) {
			c := exampletest.Connect(t, serve(t, c.wrap), exampletest.Options{})
			if answer, err := c.Poll(); err == nil && answer.StatusCode == http.StatusOK {
				t.Error("the poll is answered by the server")
			}
			if answer, err := c.Poll(); err != nil || answer.StatusCode != http.StatusBadRequest {
				t.Errorf("the session after that: %v, %v; want 400", answer, err)
			}
		})
	}
}

// TestServersTimeoutsDoNotCutPolls: ReadTimeout and WriteTimeout do not hold
// for a poll.
func TestServersTimeoutsDoNotCutPolls(t *testing.T) {
	srv, err := sio.New(sio.Config{PingInterval: 8 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	socket, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(socket)
	web.Config.ReadTimeout, web.Config.WriteTimeout = 3*time.Second, 3*time.Second
	web.Start()
	defer web.Close()
	defer srv.Close()
	c := exampletest.Connect(t, web.URL, exampletest.Options{})
	if p := c.Next(); p != "2" { // a heartbeat, after eight seconds
		t.Errorf("got %s", p)
	}
}
