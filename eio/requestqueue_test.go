package eio_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
)

// TestOrderAcrossLoops has requests of one session read by the session's loop
// and by another: they are handled in the order in which they were read,
// although those of the other loop arrive later.
func TestOrderAcrossLoops(t *testing.T) {
	type fixture struct {
		*echo
		lt          *looptest.Loops
		srv         *eio.Server
		get         string
		post        func(body string) string
		here, there func() *looptest.Conn // a new connection to the session's loop, or the other
	}
	begin := func(t *testing.T) *fixture {
		f := &fixture{lt: looptest.New(t, looptest.WithLoops(2))}
		f.echo = &echo{opened: make(chan *eio.Session, 1), closed: make(chan closing, 1)}
		var err error
		if f.srv, err = eio.NewServer(eio.Config{}, f.echo); err != nil {
			t.Fatal(err)
		}
		f.here = func() *looptest.Conn { return f.lt.ConnectTo(0, f.srv.Accept) }
		f.there = func() *looptest.Conn { return f.lt.ConnectTo(1, f.srv.Accept) }
		f.there() // the other loop has a part of the server
		c := f.here()
		c.Feed([]byte("GET /engine.io/" + handshake + " HTTP/1.1\r\nHost: a\r\n\r\n"))
		target := "/engine.io/" + handshake + "&sid=" + sidOf(t, answers(t, c)[0])
		f.get = "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"
		f.post = func(body string) string {
			return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
		}
		return f
	}
	unknown := `{"code":1,"message":"Session ID unknown"}`
	want := func(t *testing.T, c *looptest.Conn, status int, body string) {
		t.Helper()
		if a := answers(t, c); len(a) != 1 || a[0].Status != status || a[0].Body != body {
			t.Errorf("got %+v, want %d %q", a, status, body)
		}
	}

	t.Run("GET there, POST here", func(t *testing.T) {
		f := begin(t)
		a, b := f.there(), f.here()
		a.Feed([]byte(f.get))
		b.Feed([]byte(f.post("1")))
		if len(b.Sent()) > 0 {
			t.Fatal("the POST has overtaken the GET")
		}
		f.lt.Run()
		want(t, a, 200, "6")
		want(t, b, 200, "ok")
	})
	t.Run("POST there, GET here", func(t *testing.T) {
		f := begin(t)
		a, b := f.there(), f.here()
		a.Feed([]byte(f.post("1")))
		b.Feed([]byte(f.get))
		f.lt.Run()
		want(t, a, 200, "ok")
		want(t, b, 400, unknown)
	})
	t.Run("both ways in turn", func(t *testing.T) {
		f := begin(t)
		var conns []*looptest.Conn
		for i := range 10 {
			c := f.here()
			if i%3 == 0 {
				c = f.there()
			}
			c.Feed([]byte(f.post(fmt.Sprintf("4%d", i))))
			conns = append(conns, c)
		}
		f.lt.Run()
		for _, c := range conns {
			want(t, c, 200, "ok")
		}
		if got := strings.Join(f.received(), ""); got != "0123456789" {
			t.Errorf("handled in the order %s", got)
		}
	})
	t.Run("more than a line has", func(t *testing.T) { // they are not ordered, but answered
		f := begin(t)
		var conns []*looptest.Conn
		for i := range 100 {
			c := f.here()
			if i%2 == 0 {
				c = f.there()
			}
			c.Feed([]byte(f.post("4x")))
			conns = append(conns, c)
		}
		f.lt.Run()
		for _, c := range conns {
			want(t, c, 200, "ok")
		}
	})
	t.Run("the other is lost", func(t *testing.T) {
		f := begin(t)
		a, b := f.there(), f.here()
		a.FailMove(errors.New("no descriptor left"))
		a.Feed([]byte(f.get))
		b.Feed([]byte(f.post("4x")))
		f.lt.Run()
		want(t, b, 200, "ok")
	})
	t.Run("one that waits leaves", func(t *testing.T) {
		f := begin(t)
		a, b, c := f.there(), f.here(), f.here()
		a.Feed([]byte(f.post("4a")))
		b.Feed([]byte(f.post("4b")))
		c.Feed([]byte(f.post("4c")))
		b.PeerClose()
		f.lt.Run()
		want(t, a, 200, "ok")
		want(t, c, 200, "ok")
		if got := strings.Join(f.received(), ""); got != "ac" {
			t.Errorf("handled %s", got)
		}
	})
	t.Run("the session ends", func(t *testing.T) {
		f := begin(t)
		a, b := f.there(), f.here()
		a.Feed([]byte(f.get))
		b.Feed([]byte(f.post("4b")))
		eiotest.Receive(t, f.opened).Close(true)
		f.lt.Run()
		want(t, a, 400, unknown)
		want(t, b, 400, unknown)
		f.lt.Advance(time.Hour)
	})
}

// answers are the responses that c has got.
func answers(t *testing.T, c *looptest.Conn) (all []eiotest.Response) {
	t.Helper()
	r := bufio.NewReader(strings.NewReader(string(c.Sent())))
	for {
		if _, err := r.Peek(1); err == io.EOF {
			return all
		}
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, eiotest.Response{Status: response.StatusCode, Header: response.Header, Body: string(body)})
	}
}
