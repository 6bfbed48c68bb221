package eio_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
)

// TestPostsAtGatesAreNotStrangers: at the bound the POST of an admitted session stays,
// also while a middleware looks at it.
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
