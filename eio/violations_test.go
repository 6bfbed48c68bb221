package eio_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// TestViolations counts what peers do against the rules, and nothing else.
func TestViolations(t *testing.T) {
	s := start(t, eio.Config{MaxHTTPBufferSize: 1000, RequestTimeout: 50 * time.Millisecond})
	_, sid, _ := strings.Cut(s.polling(t), "&sid=")
	post := "POST /engine.io/?EIO=4&transport=polling&sid=SID HTTP/1.1\r\nHost: x\r\n"
	for _, c := range []struct{ name, send string }{
		{"malformed request", "GET\r\n\r\n"},
		{"head beyond the limit", "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 16<<10) + "\r\n\r\n"},
		{"body beyond the limit", post + "Content-Length: 1001\r\n\r\n"},
		{"late request", "GET /engine.io/"},
		{"wrong WebSocket version", strings.Replace(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket"), "Version: 13", "Version: 12", 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := s.Violations()
			p := eiotest.DialTCP(t, s.addr)
			p.WriteString(strings.Replace(c.send, "SID", sid, 1))
			p.ReadResponse()
			if n := s.Violations() - before; n != 1 {
				t.Errorf("%d violations are counted", n)
			}
		})
	}
	for _, c := range []struct {
		name  string
		frame []byte
		want  uint64
	}{
		{"message beyond the limit", eiotest.AppendFrame(nil, 0x82, make([]byte, 1001)), 1},
		{"unmasked frame", []byte{0x81, 1, '4'}, 1},
		{"no packet", eiotest.AppendFrame(nil, 0x81, []byte("abc")), 1},
		{"close packet", eiotest.AppendFrame(nil, 0x81, []byte("1")), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := s.Violations()
			p := s.webSocket(t)
			p.WriteString(string(c.frame))
			eiotest.Receive(t, s.closed)
			if n := s.Violations() - before; n != c.want {
				t.Errorf("%d violations are counted, want %d", n, c.want)
			}
		})
	}
}
