package eio_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop/looptest"
)

// fragile is an upper layer that fails.
type fragile struct {
	collector
	message, closed, opened func()
}

func (u *fragile) Opened(s *eio.Session) {
	u.collector.Opened(s)
	if u.opened != nil {
		u.opened()
	}
}

func (u *fragile) Message(s *eio.Session, data []byte, binary bool) {
	u.collector.Message(s, data, binary)
	if string(data) == "fail" {
		u.message()
	}
}

func (u *fragile) Closed(s *eio.Session, reason eio.Reason, err error) {
	u.collector.Closed(s, reason, err)
	if u.closed != nil {
		u.closed()
	}
}

func newFragile(t *testing.T, cfg eio.Config) (*receivers, *fragile) {
	u := &fragile{collector: collector{admits: true}}
	cfg.Loops, cfg.Logger = 1, slog.New(slog.DiscardHandler)
	srv, err := eio.NewServer(cfg, u)
	if err != nil {
		t.Fatal(err)
	}
	return &receivers{&u.collector, srv, t, looptest.New(t), make(map[int][]byte)}, u
}

// TestUpperFails: a message at which the upper layer panics costs its
// connection, also where the message was taken up later than it was read.
func TestUpperFails(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  eio.Config
		body string
	}{
		"at once":           {eio.Config{}, "4fail"},
		"later":             {eio.Config{}, strings.Repeat("4a\x1e", 2000) + "4fail\x1e4b"},
		"behind middleware": {eio.Config{Middleware: []func(http.Handler) http.Handler{func(h http.Handler) http.Handler { return h }}}, "4fail"},
	} {
		t.Run(name, func(t *testing.T) {
			r, u := newFragile(t, tc.cfg)
			u.message = func() { panic("a bug of the application") }
			open := r.loops.Connect(r.Accept)
			open.Feed([]byte("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n"))
			r.loops.RunUntil(func() bool { return len(r.sessions) == 1 })
			c := r.loops.Connect(r.Accept)
			c.Feed(fmt.Appendf(nil, "POST /engine.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s",
				r.sessions[0].ID(), len(tc.body), tc.body))
			r.loops.Advance(10 * time.Millisecond) // a session with many packets lets others go on
			r.loops.RunUntil(func() bool { return r.loops.Stats().Panics > 0 })
			if r.loops.Run(); !c.Closed() || len(r.ends) != 1 {
				t.Errorf("closed %v, %d ends", c.Closed(), len(r.ends))
			}
		})
	}
}

// TestUpperFailsAtOpening: the same for a handshake that came back from a gate.
func TestUpperFailsAtOpening(t *testing.T) {
	r, u := newFragile(t, eio.Config{AllowRequest: func(*http.Request) error { return nil }})
	u.opened = func() { panic("a bug of the application") }
	c := r.loops.Connect(r.Accept)
	c.Feed([]byte("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n"))
	r.loops.RunUntil(func() bool { return r.loops.Stats().Panics > 0 })
	if r.loops.Run(); !c.Closed() {
		t.Error("the connection is not closed")
	}
}

// TestUpperFailsAtClose: a failure at the end of one session does not keep the
// server from ending the others.
func TestUpperFailsAtClose(t *testing.T) {
	r, u := newFragile(t, eio.Config{})
	u.closed = func() { panic("a bug of the application") }
	for range 3 {
		r.webSocket(10)
	}
	r.Close()
	if r.loops.Run(); len(r.ends) != 3 {
		t.Errorf("%d of 3 sessions were closed", len(r.ends))
	}
}
