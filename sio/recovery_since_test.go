package sio

import (
	"encoding/json"
	"log/slog"
	"runtime"
	"testing"

	"github.com/sioserver/sioserver/sio/adapter"
)

// TestSinceEndsInAnyWay has a Recoverer's Since end in other ways than by
// returning while a client comes back: the client can't, and the namespace goes
// on.
func TestSinceEndsInAnyWay(t *testing.T) {
	const id = "abcdefghijklmnopqrst"
	for how, end := range map[string]func(){"panic": func() { panic("a bug") }, "Goexit": runtime.Goexit} {
		t.Run(how, func(t *testing.T) {
			st := newStream()
			st.sessions["p"] = adapter.Session{ID: id, PID: "p", Rooms: []string{id}, Data: json.RawMessage("{}")}
			r := &trappedReader{reader: reader{stream: st}, trap: "Since", end: end}
			srv, err := New(Config{
				Loops: 1, ConnectionStateRecovery: &Recovery{RestoreTimeout: 1e6}, Logger: slog.New(slog.DiscardHandler),
				Adapter: func(local adapter.Local) adapter.Adapter { r.local = local; return r },
			})
			if err != nil {
				t.Fatal(err)
			}
			defer srv.Close()
			if err := srv.Listen("127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			r.armed.Store(true)
			answer, conn := returning(t, srv, "", "p")
			defer conn.Close()
			if n := srv.Stats().Recovery.Recovered; n != 0 || srv.Stats().HandlerPanics == 0 {
				t.Errorf("%d clients are recovered, %+v; the answer is %q", n, srv.Stats(), answer)
			}
			r.armed.Store(false)
			if err := sharedLocalOf(srv).Broadcast(adapter.Packet{Event: "e", Offset: "1000-3"}, adapter.Options{}); err != nil {
				t.Error(err)
			}
		})
	}
}
