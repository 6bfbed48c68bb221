//go:build linux && !goroutines

package eio_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/eio/eiotest/listen"
	"github.com/sioserver/sioserver/loop"
)

// foreignTLS is foreign with TLS on the loops.
func foreignTLS(t *testing.T, cfg eio.Config, h http.HandlerFunc) (*server, *tls.Config) {
	t.Helper()
	identity := httptest.NewTLSServer(nil)
	identity.Close()
	cfg.Fallback, cfg.Logger = h, slog.New(slog.DiscardHandler)
	up := &echo{opened: make(chan *eio.Session, 100), closed: make(chan closing, 100)}
	srv, err := eio.NewServer(cfg, up)
	if err != nil {
		t.Fatal(err)
	}
	engine := listen.Loopback(t, srv, loop.Config{Loops: 2, TLS: &tls.Config{Certificates: identity.TLS.Certificates}})
	addr := engine.Addr().String()
	return &server{up, srv, addr, "https://" + addr + "/engine.io/"}, &tls.Config{InsecureSkipVerify: true}
}

// TestForeignOverTLS: one TLS connection serves requests of the engine and of
// net/http in turn, the latter with streams and with bodies of any size, and
// can be hijacked.
func TestForeignOverTLS(t *testing.T) {
	next := make(chan string)
	s, client := foreignTLS(t, eio.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil {
			t.Error("the request has no TLS")
		}
		switch r.URL.Path {
		case "/body":
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				t.Error(err)
			}
			io.Copy(w, r.Body)
		case "/events":
			for text := range next {
				io.WriteString(w, text)
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
			}
		case "/hijack":
			conn, buffered, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
			line, _ := buffered.ReadString('\n')
			io.WriteString(conn, strings.ToUpper(line))
		}
	})
	c, err := tls.Dial("tcp", s.addr, client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := bufio.NewReader(c)
	response := func(request string) *http.Response {
		t.Helper()
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for i := range 3 {
		r := response("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n")
		if body, err := io.ReadAll(r.Body); err != nil || r.StatusCode != 200 || !bytes.Contains(body, []byte("sid")) {
			t.Fatalf("handshake %d: %+v, %v", i, r, err)
		}
		big := strings.Repeat("x", 3<<20)
		r = response(fmt.Sprintf("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", 10) + "0123456789")
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != "0123456789" {
			t.Fatalf("got %q, %v", body, err)
		}
		go fmt.Fprintf(c, "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(big), big)
		if r, err = http.ReadResponse(b, nil); err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != big {
			t.Fatalf("got %d bytes, %v", len(body), err)
		}
	}
	go func() {
		next <- "one"
	}()
	r := response("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
	part := make([]byte, 3)
	for _, text := range []string{"one", "two"} {
		if text == "two" {
			next <- text
		}
		if _, err := io.ReadFull(r.Body, part); err != nil || string(part) != text {
			t.Fatalf("got %q, %v", part, err)
		}
	}
	close(next)
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		t.Fatal(err)
	}
	response("GET /hijack HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\nat once\n")
	if rest, err := io.ReadAll(b); err != nil || string(rest) != "AT ONCE\n" {
		t.Errorf("got %q, %v", rest, err)
	}
	s.gone(t)
}

// TestForeignSlowlyOverTLS: the time limit is for a part of an answer, not for
// all that a handler writes at once.
func TestForeignSlowlyOverTLS(t *testing.T) {
	const size, limit = 32 << 20, time.Second
	written := make(chan error, 1)
	s, client := foreignTLS(t, eio.Config{RequestTimeout: limit}, func(w http.ResponseWriter, r *http.Request) {
		_, err := w.Write(make([]byte, size))
		written <- err
	})
	nc := eiotest.DialTCP(t, s.addr).Conn
	nc.(*net.TCPConn).SetReadBuffer(32 << 10)
	c := tls.Client(nc, client)
	io.WriteString(c, "GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	total, part := 0, make([]byte, 256<<10)
	for begin := time.Now(); ; {
		n, err := io.ReadFull(c, part)
		if total += n; err != nil {
			break
		}
		if time.Since(begin) < 2*limit {
			<-time.After(limit / 50) // until it has taken much longer than the limit
		}
	}
	if err := eiotest.Receive(t, written); err != nil || total < size {
		t.Errorf("the client got %d bytes; Write: %v", total, err)
	}
}
