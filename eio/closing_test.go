package eio_test

import (
	"bytes"
	"compress/flate"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
)

// closer is an upper layer that says last words at the first message and
// closes.
type closer struct {
	sessions []*eio.Session
	messages int
	closed   int
}

func (u *closer) NewSession() *eio.Session { return new(eio.Session) }
func (u *closer) Opened(s *eio.Session)    { u.sessions = append(u.sessions, s) }
func (u *closer) Message(s *eio.Session, _ []byte, _ bool) {
	u.messages++
	send(s, "last words", false)
	s.Close(false)
}
func (u *closer) Closed(*eio.Session, eio.Reason, error) { u.closed++ }

// bomb is a compressed frame that inflates to size bytes.
func bomb(t *testing.T, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	z.Write(append([]byte("4"), make([]byte, size-1)...))
	z.Flush()
	return eiotest.AppendFrame(nil, 0xc0|eiotest.OpBinary, bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff}))
}

// TestNothingIsReadAfterTheCloseFrame: once the server has sent its close
// frame, whatever the peer sends is neither parsed nor inflated nor answered,
// from the next frame on; the peer gets what was sent before, and the
// connection goes soon.
func TestNothingIsReadAfterTheCloseFrame(t *testing.T) {
	flood := bomb(t, 900_000)
	ping := eiotest.AppendFrame(nil, 0x80|eiotest.OpPing, []byte("p"))
	broken := eiotest.AppendFrame(nil, 0x80|0x0b, nil)
	closes := func(c *looptest.Conn, s *eio.Session, frame []byte) func([]byte) {
		return func(then []byte) { c.Feed(append(bytes.Clone(frame), then...)) }
	}
	for _, tt := range []struct {
		name  string
		close func(c *looptest.Conn, s *eio.Session) func(then []byte)
		sent  string
	}{
		{"by the application", func(c *looptest.Conn, s *eio.Session) func([]byte) {
			return func(then []byte) { s.Close(false); c.Feed(then) }
		}, "\x88\x00"},
		{"by the application, at a message", func(c *looptest.Conn, s *eio.Session) func([]byte) {
			return closes(c, s, eiotest.AppendFrame(nil, 0x80|eiotest.OpText, []byte("4x")))
		}, "\x81\x0b4last words\x88\x00"},
		{"for a violation", func(c *looptest.Conn, s *eio.Session) func([]byte) {
			return closes(c, s, broken)
		}, "\x88\x02\x03\xea"},
		{"by the peer", func(c *looptest.Conn, s *eio.Session) func([]byte) {
			return closes(c, s, eiotest.AppendFrame(nil, 0x80|eiotest.OpClose, []byte("\x03\xe8")))
		}, "\x88\x02\x03\xe8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := &closer{}
			srv, err := eio.NewServer(eio.Config{PerMessageDeflate: &eio.PerMessageDeflate{}}, u)
			if err != nil {
				t.Fatal(err)
			}
			loops := looptest.New(t)
			c := loops.Connect(srv.Accept)
			c.Feed([]byte(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket",
				"Sec-WebSocket-Extensions", "permessage-deflate")))
			loops.Run()
			if head := string(c.Sent()); !strings.Contains(head, "101 Switching") || !strings.Contains(head, "permessage-deflate") {
				t.Fatalf("got %q", head)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			tt.close(c, u.sessions[0])(append(append(bytes.Clone(flood), ping...), broken...))
			for range 50 {
				c.Feed(flood)
				c.Feed(ping)
			}
			loops.Run()
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 800_000 {
				t.Errorf("%d bytes were allocated: what followed was inflated", n)
			}
			if got := string(c.Sent()); got != tt.sent || !c.SentEOF() {
				t.Errorf("sent %q, its end %v; want %q", got, c.SentEOF(), tt.sent)
			}
			if u.closed != 1 {
				t.Errorf("the session ended %d times", u.closed)
			}
			loops.Advance(6 * time.Second)
			if !c.Closed() {
				t.Error("the connection is kept")
			}
		})
	}
}
