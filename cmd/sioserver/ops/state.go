package ops

import (
	"io"
	"net/http"
	"sync/atomic"
)

// State is whether the program takes clients. The zero value is of one that
// does not listen yet. It is safe for concurrent use.
type State struct{ now atomic.Int32 }

const (
	starting int32 = iota
	ready
	draining
)

// Ready says that the program listens, unless it drains already.
func (s *State) Ready() { s.now.CompareAndSwap(starting, ready) }

// Drain says that the program is about to end.
func (s *State) Drain() { s.now.Store(draining) }

// Route adds /healthz, which is answered with status 200 while the program
// runs, and /readyz, which has status 503 before it listens and while it
// drains.
func (s *State) Route(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch s.now.Load() {
		case starting:
			answer(w, http.StatusServiceUnavailable, "starting\n")
		case draining:
			answer(w, http.StatusServiceUnavailable, "draining\n")
		default:
			answer(w, http.StatusOK, "ready\n")
		}
	})
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the peer is gone when this fails
}
