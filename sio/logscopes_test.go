package sio

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
)

// scoped is a server whose log is at level Info but for its scopes.
func scoped(t *testing.T, cfg Config, scopes *LogScopes) (*memory, *record) {
	t.Helper()
	r := new(record)
	cfg.Loops, cfg.PingInterval = 1, time.Minute
	cfg.Logger = slog.New(scopes.Handler(r.logger(slog.LevelInfo).Handler()))
	srv, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	talkative(srv)
	return &memory{srv, looptest.New(t)}, r
}

// TestLogScopes has a client do the same with different scopes.
func TestLogScopes(t *testing.T) {
	for _, tc := range []struct{ patterns, want string }{
		{"", ""},
		{"engine", ""},
		{"engine:socket", `
msg="eio: connection opened" client=ID transport=websocket protocol=4 remote=ADDR scope=engine:socket
msg="eio: packet in" client=ID type=message binary=false bytes=1 scope=engine:socket
msg="eio: packet out" client=ID type=message binary=false bytes=31 scope=engine:socket
msg="eio: packet in" client=ID type=message binary=false bytes=9 scope=engine:socket
msg="eio: packet out" client=ID type=ping binary=false bytes=0 scope=engine:socket
msg="eio: packet in" client=ID type=pong binary=false bytes=0 scope=engine:socket
msg="eio: packet in" client=ID type=close binary=false bytes=0 scope=engine:socket
msg="eio: connection closed" client=ID transport=websocket remote=ADDR reason="transport close" scope=engine:socket`},
		{"socket.io:client", `
msg="sio: packet in" client=ID type=CONNECT namespace=/ scope=socket.io:client
msg="sio: packet out" client=ID type=CONNECT scope=socket.io:client
msg="sio: packet in" client=ID type=EVENT namespace=/ scope=socket.io:client`},
		{"socket.io:*,-*:client", `
msg="sio: socket connected" namespace=/ socket=ID client=ID recovered=false scope=socket.io:socket
msg="sio: handler failed" namespace=/ socket=ID event=fail error="a failure" scope=socket.io:socket
msg="sio: socket disconnected" namespace=/ socket=ID client=ID reason="transport close" scope=socket.io:socket`},
	} {
		scopes := new(LogScopes)
		if err := scopes.Set(tc.patterns); err != nil {
			t.Fatal(err)
		}
		m, r := scoped(t, Config{}, scopes)
		c := m.join(t)
		c.Feed(eiotest.AppendText(nil, `42["fail"]`))
		m.loops.Run()
		m.loops.Advance(61 * time.Second)
		c.Feed(eiotest.AppendText(nil, "3", "1"))
		m.loops.Run()
		got, want := r.lines(), tc.want
		if want != "" {
			want = want[1:] + "\n"
		}
		if got != want {
			t.Errorf("%q: the lines are\n%swant\n%s", tc.patterns, got, want)
		}
	}
}

// TestLogScopesAtRunTime turns a scope on and off under an open connection.
func TestLogScopesAtRunTime(t *testing.T) {
	scopes := new(LogScopes)
	m, r := scoped(t, Config{}, scopes)
	c := m.join(t)
	for _, on := range []bool{false, true, false} {
		patterns, want := "", ""
		if on {
			patterns, want = "socket.io:client", "msg=\"sio: packet in\" client=ID type=EVENT namespace=/ scope=socket.io:client\n"
		}
		if err := scopes.Set(patterns); err != nil {
			t.Fatal(err)
		}
		c.Feed(eiotest.AppendText(nil, `42["none"]`))
		m.loops.Run()
		if got := r.lines(); got != want {
			t.Errorf("on %v: got %q, want %q", on, got, want)
		}
	}
}

// TestTraceAllocs: packets that are not logged allocate nothing, with LogScopes
// and without.
func TestTraceAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	m, _ := scoped(t, Config{}, new(LogScopes))
	m.On("quiet", func(context.Context, *Event) error { return nil }, Inline())
	m.join(t)
	c, packet, namespace := m.Sockets()[0].client, []byte(`2["quiet"]`), []byte("/")
	if n := testing.AllocsPerRun(100, func() {
		c.receiveText(packet)
		c.tracePacket("sio: packet in", 2, namespace, 0)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
