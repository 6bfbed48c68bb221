package sio

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio/eiotest"
)

// FuzzPackets sends whatever comes to a connected socket, as messages separated
// by 0x1e of which those that begin with "b" are binary. Nothing may panic, and
// a socket that is left must still answer.
func FuzzPackets(f *testing.F) {
	for _, seed := range []string{
		`42["raw",1]`, `421["typed",{"x":1}]` + "\x1e" + `43`, `451-["typed",{"_placeholder":true,"num":0}]` + "\x1eb\x01",
		`41` + "\x1e40", `40/x,{"a":1}` + "\x1e" + `42/x,["raw"]`, `461-0[{"_placeholder":true,"num":0}]` + "\x1eb",
		"4", "44", "40", "42", "42[]", `42["connect"]`, `4510-[]`, "b", "43", "430[]", `42["typed",` + strings.Repeat("[", 5000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		m := inMemory(t, func(srv *Server) {
			srv.cfg.Logger = slog.New(slog.DiscardHandler)
			handle := func(_ context.Context, e *Event) error {
				var v any
				if err := e.Bind(&v); err != nil {
					return err
				}
				return e.Ack(v)
			}
			srv.On("raw", handle, Inline())
			srv.Of("/x").On("raw", handle, Inline())
			On(srv, "typed", func(context.Context, *Socket, Args2[struct{ X int }, []byte]) error { return nil }, Inline())
		})
		c := m.join(t)
		for _, message := range strings.Split(input, "\x1e") {
			if len(message) > 60_000 {
				return
			}
			if digits, ok := strings.CutPrefix(message, "b"); ok {
				c.Feed(eiotest.AppendFrame(nil, 0x80|eiotest.OpBinary, []byte(digits)))
			} else {
				c.Feed(eiotest.AppendText(nil, strings.ToValidUTF8(message, "?")))
			}
			m.loops.Run()
		}
		st := m.Stats()
		if st.HandlerPanics != 0 || m.loops.Stats().Panics != 0 {
			t.Fatal("something panicked")
		}
		sockets := m.Sockets()
		if len(sockets) == 0 || sockets[0].client.extra != nil && sockets[0].client.extra.binary.Pending() {
			return
		}
		c.Sent()
		c.Feed(eiotest.AppendText(nil, `427["raw",1]`))
		m.loops.Run()
		if sent := string(c.Sent()); !strings.Contains(sent, "437[1]") {
			t.Errorf("the socket is deaf: it sent %q", sent)
		}
	})
}
