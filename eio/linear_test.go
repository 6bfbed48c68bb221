package eio_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
)

// TestTinyFragments: a message may be fragmented, but not into more frames than
// an honest sender uses.
func TestTinyFragments(t *testing.T) {
	s := start(t, eio.Config{})
	fragments := func(n int) []byte {
		wire := eiotest.AppendFrame(nil, eiotest.OpText, []byte("4"))
		for range n - 2 {
			wire = eiotest.AppendFrame(wire, eiotest.OpContinuation, []byte("x"))
		}
		return eiotest.AppendFrame(wire, 0x80|eiotest.OpContinuation, []byte("x"))
	}
	for range 2 { // the count begins with each message
		c := s.webSocket(t)
		for range 2 {
			c.WriteString(string(fragments(4096)))
			c.Expect("4" + strings.Repeat("x", 4095))
		}
		c.WriteString(string(fragments(4097)))
		c.ExpectClose(1008)
		s.wantClosed(t, eio.TransportError)
	}
	large := start(t, eio.Config{MaxHTTPBufferSize: 256 * 5000})
	c := large.webSocket(t)
	c.WriteString(string(fragments(5000)))
	c.Expect("4" + strings.Repeat("x", 4999))
}

// TestWaitingBytesAreNotCopiedAgain: what arrives in small pieces behind a
// request that waits at a gate costs as much however much has arrived.
func TestWaitingBytesAreNotCopiedAgain(t *testing.T) {
	pass := make(chan struct{})
	srv, err := eio.NewServer(eio.Config{AllowRequest: func(*http.Request) error { <-pass; return nil }}, &echo{})
	if err != nil {
		t.Fatal(err)
	}
	loops := looptest.New(t)
	defer close(pass)
	cost := func(waiting int) time.Duration {
		c := loops.Connect(srv.Accept)
		c.Feed([]byte("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n"))
		c.Feed(make([]byte, waiting))
		began := time.Now()
		for range 2000 {
			c.Feed([]byte("x"))
		}
		spent := time.Since(began)
		if c.Closed() {
			t.Fatalf("closed with %d bytes waiting", waiting)
		}
		c.PeerClose()
		return spent
	}
	var last string
	for range 5 { // the machine may be busy with something else
		few, many := cost(1000), cost(1_000_000)
		if many < 8*few {
			return
		}
		last = "behind 1,000 bytes " + few.String() + ", behind 1,000,000 " + many.String()
	}
	t.Error(last)
}
