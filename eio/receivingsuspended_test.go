package eio_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// TestWholeRequestsWaitForTheMiddleware: a request of which all has come is not
// closed for the time that a middleware takes, whatever else waits for room.
func TestWholeRequestsWaitForTheMiddleware(t *testing.T) {
	const size = 400_000
	look := make(chan struct{})
	r := newReceivers(t, eio.Config{MaxReceiving: 1 << 20, PingInterval: time.Hour,
		Middleware: []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.Method == http.MethodPost {
					<-look
				}
				next.ServeHTTP(w, q)
			})
		}}})
	var whole []*sender
	for range 2 {
		n := len(r.sessions)
		c := r.loops.Connect(r.Accept)
		c.Feed([]byte("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n"))
		r.loops.RunUntil(func() bool { return len(r.sessions) > n })
		c.Sent()
		whole = append(whole, &sender{c, r, postOf(r.sessions[n], size)})
	}
	for _, s := range whole {
		s.send(2 * size)
		r.loops.Advance(5 * time.Millisecond)
	}
	for range 2 {
		n := len(r.sessions)
		c := r.loops.Connect(r.Accept)
		c.Feed([]byte(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket")))
		r.loops.RunUntil(func() bool { return len(r.sessions) > n })
		c.Sent()
		s := &sender{c, r, eiotest.AppendFrame(nil, 0x80|eiotest.OpBinary, make([]byte, size))}
		s.send(300_000)
	}
	for range 40 {
		r.loops.Advance(time.Second)
	}
	if whole[0].waits() {
		t.Fatal("the first is not whole")
	}
	for i, s := range whole {
		if got := string(s.Sent()); s.Closed() || got != "" {
			t.Errorf("request %d was answered %q", i, got)
		}
	}
	close(look)
	r.loops.RunUntil(func() bool { return len(r.lengths) >= 2 })
	for i, s := range whole {
		if got := string(s.Sent()); !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") {
			t.Errorf("request %d was answered %q", i, got)
		}
	}
}

// TestPostsAtGatesAreNotStrangers: at the bound the POST of an admitted session
// stays, also while a middleware looks at it.
func TestPostsAtGatesAreNotStrangers(t *testing.T) {
	look := make(chan struct{})
	r := newReceivers(t, eio.Config{MaxReceiving: 1 << 20, PingInterval: time.Hour,
		Middleware: []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.Method == http.MethodPost {
					<-look
				}
				next.ServeHTTP(w, q)
			})
		}}})
	open := func() *sender {
		n := len(r.sessions)
		c := r.loops.Connect(r.Accept)
		c.Feed([]byte("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n"))
		r.loops.RunUntil(func() bool { return len(r.sessions) > n })
		return &sender{c, r, postOf(r.sessions[n], 500_000)}
	}
	var all []*sender
	for range 16 {
		all = append(all, open())
	}
	for _, s := range all {
		s.Sent()
		s.send(len(s.left))
		r.loops.Advance(2 * time.Millisecond)
	}
	if st := r.ReceivingStats(); st.Bytes < 1<<20 {
		t.Fatalf("the bound is not reached: %+v", st)
	}
	r.loops.Advance(100 * time.Millisecond)
	if st := r.ReceivingStats(); st.Closed > 0 || len(r.ends) > 0 {
		t.Errorf("%+v, ends %v", st, r.ends)
	}
	close(look)
}
