package eio

import (
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

func parseHead(tb testing.TB, head string) *http1.Request {
	tb.Helper()
	var parser http1.Parser
	req := new(http1.Request)
	if n, err := parser.Head([]byte(head), 0, req); n != len(head) || err != nil {
		tb.Fatalf("%d of %d bytes, %v", n, len(head), err)
	}
	return req
}

func TestForwardedHead(t *testing.T) {
	req := parseHead(t, "GET http://a.example/engine.io/?sid=x HTTP/1.1\r\nhost: b.example\r\nX-Kept:1\r\n"+
		"connection: Upgrade, , X-Dropped\r\nx-dRoPPed: 1\r\nConnection:\tkeep-alive,X-Forwarded-For\r\n"+
		"Upgrade: websocket\r\nX-Forwarded-For: 9.9.9.9\r\nKeep-Alive: 5\r\nTE: trailers\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n")
	const line = "GET http://a.example/engine.io/?sid=x HTTP/1.1\r\nHost: a.example\r\nX-Kept: 1\r\n"
	const fields = "Sioserver-Forwarded: 1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 1.2.3.4\r\n"
	if got := string(appendForwarded(nil, req, false, "1.2.3.4", true)); got != line+fields {
		t.Errorf("got %q", got)
	}
	if got := string(appendForwarded(nil, req, true, "1.2.3.4", true)); got != line+"Upgrade: websocket\r\nConnection: Upgrade, close\r\n"+fields {
		t.Errorf("an upgrade becomes %q", got)
	}
}

// TestForwardedHeadOfManyOptions has a head that names as many fields in
// Connection as it can, and wants it to cost no more than a few times what
// reading it does.
func TestForwardedHeadOfManyOptions(t *testing.T) {
	head := "GET /engine.io/?sid=x HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("a: b\r\n", 49) +
		strings.Repeat("Connection: "+strings.Repeat(",", 300)+"\r\n", 49) + "\r\n"
	req := parseHead(t, head)
	shortest := func(do func()) time.Duration {
		least := time.Hour
		for range 10 {
			began := time.Now()
			do()
			least = min(least, time.Since(began))
		}
		return least
	}
	reading := shortest(func() { parseHead(t, head) })
	if took := shortest(func() { appendForwarded(nil, req, false, "1.2.3.4", true) }); took > 10*reading {
		t.Errorf("it takes %v, reading the head %v", took, reading)
	}
}
