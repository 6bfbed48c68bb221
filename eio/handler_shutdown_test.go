package eio_test

import (
	"net/http/httptest"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// TestHTTPServerShutdown: http.Server.Shutdown does not wait for parked polls,
// whose sessions end; a session without a poll there stays.
func TestHTTPServerShutdown(t *testing.T) {
	for name, startHTTP := range map[string]func(*httptest.Server){
		"HTTP/1.1": (*httptest.Server).Start,
		"HTTP/2":   func(h *httptest.Server) { h.EnableHTTP2 = true; h.StartTLS() },
	} {
		t.Run(name, func(t *testing.T) {
			m := mount(t, startHTTP)
			const target = "?EIO=4&transport=polling"
			url := m.url + target + "&sid=" + sidOf(t, m.do(t, "GET", m.url+target, ""))
			parked := wait.For(t, "session", m.opened)
			answer := make(chan eiotest.Response, 1)
			go func() { answer <- m.do(t, "GET", url, "") }()
			wait.Until(t, "parked poll", func() bool {
				writable := make(chan bool)
				parked.Loop().PostFunc(func() { writable <- parked.Writable() })
				return <-writable
			})
			sidOf(t, m.do(t, "GET", m.url+target, ""))
			idle := wait.For(t, "session", m.opened)
			if err := m.http.Config.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			wantResponse(t, wait.For(t, "answer", answer), 200, "1")
			if got := wait.For(t, "end of a session", m.closed); got.reason != eio.ForcedClose {
				t.Errorf("it ended with %v", got.reason)
			}
			state := make(chan eio.State)
			idle.Loop().PostFunc(func() { state <- idle.State() })
			if got := <-state; got != eio.StateOpen {
				t.Errorf("the session without a poll is %v", got)
			}
		})
	}
}
