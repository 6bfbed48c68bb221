package sio_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestAnswerBeforeViolation: what an inline handler has sent is not lost
// because of what follows its event in the same segment, or in the same body.
// What follows the violation is not handled.
func TestAnswerBeforeViolation(t *testing.T) {
	const event, due = `421["sum",1,2]`, `42["told"]` + "\x1e" + `431[3]`
	after := 0
	start := func(t *testing.T) *fixture {
		return serve(t, sio.Config{}, func(f *fixture) {
			sio.OnAck(f.Server, "sum", func(_ context.Context, s *sio.Socket, in sio.Args2[int, int]) (int, error) {
				return in.A + in.B, s.Emit("told")
			}, sio.Inline())
			sio.On(f.Server, "after", func(context.Context, *sio.Socket, sio.None) error {
				after++
				return nil
			}, sio.Inline())
		})
	}
	for name, violation := range map[string]string{
		"Engine.IO packet": "x",
		"Socket.IO packet": "4x",
		"out of order":     "40x",
		"second CONNECT":   "40",
		"binary":           "b:00",
		"heartbeat":        "2",
		"WebSocket":        "",
	} {
		t.Run("websocket/"+name, func(t *testing.T) {
			f := start(t)
			w := f.join(t)
			segment := eiotest.AppendText(nil, event)
			switch {
			case violation == "":
				segment = append(segment, 0xf1, 0x80, 0, 0, 0, 0)
			case strings.HasPrefix(violation, "b:"):
				segment = eiotest.AppendFrame(segment, 0x80|eiotest.OpBinary, []byte{0})
			default:
				segment = eiotest.AppendText(segment, violation)
			}
			w.conn.Write(eiotest.AppendText(segment, `42["after"]`))
			w.want(strings.Split(due, "\x1e")...)
			if f := w.conn.Next(); f.Opcode() != eiotest.OpClose {
				t.Errorf("got %v, want a close frame", f)
			}
			wait.For(t, "disconnection", f.disconnected)
		})
		if violation == "" {
			continue
		}
		t.Run("polling/"+name, func(t *testing.T) {
			f := start(t)
			p := f.polling(t)
			p.connect()
			conn, err := net.Dial("tcp", f.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			target := strings.TrimPrefix(p.url, "http://"+f.addr)
			body := event + "\x1e" + strings.Replace(violation, "b:00", "bAA==", 1) + "\x1e" + `42["after"]`
			// The GET is parked when the POST behind it is handled.
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: a\r\n\r\nPOST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", target, target, len(body), body)
			r := bufio.NewReader(conn)
			for i, want := range []string{due, "ok"} {
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(res.Body)
				if err != nil || strings.TrimSuffix(string(b), "\x1e1") != want {
					t.Errorf("answer %d is %q, %v, want %q", i, b, err, want)
				}
			}
			p.do(http.MethodGet, "") // a graceful close waits for it
			wait.For(t, "disconnection", f.disconnected)
		})
	}
	if after != 0 {
		t.Errorf("%d events after a violation were handled", after)
	}
}
