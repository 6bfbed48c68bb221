package eio_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// TestPipelinedBehindGet has POSTs behind a parked GET on the same connection:
// they are handled at once, and answered in the order of the requests.
func TestPipelinedBehindGet(t *testing.T) {
	through := func(next http.Handler) http.Handler { return next }
	for _, cfg := range []eio.Config{{}, {Middleware: []func(http.Handler) http.Handler{through}}} {
		t.Run(fmt.Sprintf("middlewares %d", len(cfg.Middleware)), func(t *testing.T) {
			cfg.MaxHTTPBufferSize = 1000
			s := start(t, cfg)
			// begin parks a GET on a connection.
			begin := func(t *testing.T) (c *eiotest.Conn, x *eio.Session, post func(body string, fields ...string) string) {
				url := s.polling(t)
				x = s.latest(t)
				target := strings.TrimPrefix(url, "http://"+s.addr)
				c = eiotest.DialTCP(t, s.addr)
				c.Conn.(*net.TCPConn).SetNoDelay(true)
				c.WriteString("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n")
				eventuallyOn(t, x, "a GET is parked", x.Writable)
				return c, x, func(body string, fields ...string) string {
					return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s", target, strings.Join(fields, ""), len(body), body)
				}
			}
			say := func(x *eio.Session, text string) { x.Loop().PostFunc(func() { send(x, text, false) }) }
			t.Run("answers", func(t *testing.T) {
				c, _, post := begin(t)
				c.WriteString(post("4a"))
				wantResponse(t, c.ReadResponse(), 200, "4a")
				wantResponse(t, c.ReadResponse(), 200, "ok")
				c.WriteString(post("6")) // the connection goes on
				wantResponse(t, c.ReadResponse(), 200, "ok")
			})
			t.Run("byte by byte", func(t *testing.T) {
				c, x, post := begin(t)
				for _, b := range []byte(post("6") + post("4a\x1e4b")) {
					c.WriteString(string(b))
				}
				wantResponse(t, c.ReadResponse(), 200, "4a\x1e4b")
				wantResponse(t, c.ReadResponse(), 200, "ok")
				wantResponse(t, c.ReadResponse(), 200, "ok")
				say(x, "later")
			})
			t.Run("many", func(t *testing.T) { // more answers than may be held
				c, x, post := begin(t)
				const n = 1000
				c.WriteString(strings.Repeat(post("6"), n/2) + post("6", "X-Last: 1\r\n"))
				before := len(s.received())
				say(x, "first")
				wantResponse(t, c.ReadResponse(), 200, "4first")
				for range n/2 + 1 {
					wantResponse(t, c.ReadResponse(), 200, "ok")
				}
				if len(s.received()) != before {
					t.Error("something was delivered")
				}
			})
			t.Run("other requests wait", func(t *testing.T) {
				c, x, post := begin(t)
				other := s.polling(t)
				c.WriteString("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" + post("4a") +
					"POST " + strings.TrimPrefix(other, "http://"+s.addr) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n6")
				say(x, "first")
				wantResponse(t, c.ReadResponse(), 200, "4first")
				if r := c.ReadResponse(); r.Status != 404 {
					t.Errorf("got %+v", r)
				}
				wantResponse(t, c.ReadResponse(), 200, "ok")
				wantResponse(t, c.ReadResponse(), 200, "ok")
			})
			t.Run("Connection: close", func(t *testing.T) {
				c, x, post := begin(t)
				c.WriteString(post("6", "Connection: close\r\n") + post("4never"))
				c.WriteString("more")
				say(x, "first")
				wantResponse(t, c.ReadResponse(), 200, "4first")
				wantResponse(t, c.ReadResponse(), 200, "ok")
				c.ExpectEOF()
			})
			t.Run("refused", func(t *testing.T) {
				c, x, post := begin(t)
				c.WriteString(post(strings.Repeat("x", 1001)))
				say(x, "first")
				wantResponse(t, c.ReadResponse(), 200, "4first")
				if r := c.ReadResponse(); r.Status != 413 {
					t.Errorf("got %+v", r)
				}
				c.ExpectEOF()
			})
			t.Run("malformed", func(t *testing.T) {
				c, x, _ := begin(t)
				c.WriteString("POST\r\n\r\n")
				say(x, "first")
				wantResponse(t, c.ReadResponse(), 200, "4first")
				if r := c.ReadResponse(); r.Status != 400 {
					t.Errorf("got %+v", r)
				}
				c.ExpectEOF()
			})
			for name, end := range map[string]struct {
				body, answer string
				reason       eio.Reason
			}{
				"closes":   {"1", "6", eio.TransportClose},
				"violates": {"x", "1", eio.ParseError},
			} {
				t.Run(name, func(t *testing.T) {
					c, _, post := begin(t)
					drain(s.closed)
					c.WriteString(post("6") + post(end.body))
					wantResponse(t, c.ReadResponse(), 200, end.answer)
					wantResponse(t, c.ReadResponse(), 200, "ok")
					wantResponse(t, c.ReadResponse(), 200, "ok")
					s.wantClosed(t, end.reason)
				})
			}
			t.Run("lost", func(t *testing.T) {
				c, _, post := begin(t)
				drain(s.closed)
				half := post("4abcdef")
				c.WriteString(post("6") + half[:len(half)-3])
				c.Close()
				s.wantClosed(t, eio.TransportError)
			})
			t.Run("upgraded", func(t *testing.T) { // which drops the POST in progress, with its connection
				c, x, post := begin(t)
				ws := eiotest.Dial(t, s.addr, "/engine.io/?EIO=4&transport=websocket&sid="+x.ID())
				half := post("4abcdef")
				c.WriteString(post("6") + half[:len(half)-3])
				ws.Text("2probe")
				ws.Expect("3probe")
				ws.Text("5", "4hello")
				ws.Expect("4hello")
			})
		})
	}
}

// drain takes what is in c.
func drain[T any](c <-chan T) {
	for len(c) > 0 {
		<-c
	}
}
