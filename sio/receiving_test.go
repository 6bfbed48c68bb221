package sio_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// unfinished is a binary frame of a million bytes without its end.
var unfinished = func() []byte {
	const size, end = 1_000_000, 100
	head := binary.BigEndian.AppendUint64([]byte{0x80 | eiotest.OpBinary, 0x80 | 127}, size)
	return append(head, make([]byte, 4+size-end)...)
}()

// TestUnfinishedMessagesAreBounded has connections hold as much as they can of
// messages that never end. In all that stays within Config.MaxReceiving, one
// message and a read of each connection, and a client with large messages
// beside them is served.
func TestUnfinishedMessagesAreBounded(t *testing.T) {
	const limit, attackers, message, read = 4 << 20, 24, 1_000_000, 64 << 10
	for _, tc := range []struct {
		name string
		open func(t *testing.T, f *fixture) net.Conn
		send func() []byte
	}{
		{"before CONNECT", func(t *testing.T, f *fixture) net.Conn { return f.dial(t).conn }, func() []byte { return unfinished }},
		{"after CONNECT", func(t *testing.T, f *fixture) net.Conn { return f.join(t).conn }, func() []byte { return unfinished }},
		{"attachments", func(t *testing.T, f *fixture) net.Conn { return f.join(t).conn }, func() []byte {
			b := eiotest.AppendText(nil, `4510-["x"`+strings.Repeat(`,0`, 10)+`]`)
			for range 9 {
				b = eiotest.AppendFrame(b, 0x80|eiotest.OpBinary, bytes.Repeat([]byte("x"), 100_000))
			}
			return b
		}},
		{"heads of packets", func(t *testing.T, f *fixture) net.Conn { return f.join(t).conn }, func() []byte {
			return eiotest.AppendText(nil, `451-["x",{"_placeholder":true,"num":0},"`+strings.Repeat("x", 900_000)+`"]`)
		}},
		{"bodies", func(t *testing.T, f *fixture) net.Conn {
			c, err := net.Dial("tcp", f.addr)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}, func() []byte {
			return fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n%s", strings.Repeat("x", 999_900))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := serve(t, sio.Config{Loops: 1, MaxReceiving: limit, MaxHTTPBufferSize: message, RequestTimeout: 5 * time.Second}, func(f *fixture) {
				sio.OnAck(f, "size", func(_ context.Context, _ *sio.Socket, s string) (int, error) { return len(s), nil })
			})
			honest := f.join(t)
			var peak atomic.Int64
			var conns []net.Conn
			sent := make(chan struct{}, attackers)
			for range attackers {
				c := tc.open(t, f)
				conns = append(conns, c)
				go func() {
					// The server may read only a part of it.
					_, _ = c.Write(tc.send())
					sent <- struct{}{}
				}()
			}
			stop, watched := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(watched)
				for {
					peak.Store(max(peak.Load(), int64(f.Stats().Receiving.Bytes)))
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
				}
			}()
			for i := range 3 {
				payload := strings.Repeat("y", 900_000)
				go honest.conn.Write(eiotest.AppendText(nil, fmt.Sprintf(`42%d["size","%s"]`, i, payload)))
				for answer, want := "", fmt.Sprintf("43%d[900000]", i); answer != want; {
					got, err := honest.conn.ReadFrame()
					if err != nil {
						t.Fatalf("message %d: %v; %+v", i, err, f.Stats().Receiving)
					}
					if answer = string(got.Payload); answer == "2" {
						honest.send("3")
					}
				}
			}
			close(stop)
			<-watched
			st := f.Stats().Receiving
			t.Logf("at the peak %d bytes; %+v", peak.Load(), st)
			if peak.Load() < limit/2 {
				t.Errorf("%d bytes were counted at the peak, want at least %d", peak.Load(), limit/2)
			}
			if most := int64(limit + message + attackers*read); peak.Load() > most {
				t.Errorf("%d bytes were held at the peak, want at most %d", peak.Load(), most)
			}
			for _, c := range conns {
				c.Close()
			}
			for range attackers {
				<-sent
			}
			wait.Until(t, "nothing is held", func() bool {
				st := f.Stats().Receiving
				return st.Bytes == 0 && st.Connections == 0 && st.Waiting == 0
			})
		})
	}
}

// TestAttachmentsForNoNamespace: a packet that announces attachments for a
// namespace that the client is not in is refused at once.
func TestAttachmentsForNoNamespace(t *testing.T) {
	f := serve(t, sio.Config{}, nil)
	w := f.dial(t)
	w.send(`451-["x",{"_placeholder":true,"num":0}]`)
	w.wantClosed()
	w = f.join(t)
	w.send(`451-/other,["x",{"_placeholder":true,"num":0}]`)
	w.wantClosed()
	if n := f.Stats().OutOfOrder; n != 2 {
		t.Errorf("%d connections were out of order, want 2", n)
	}
}
