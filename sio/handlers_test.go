package sio_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

func TestTypedHandlers(t *testing.T) {
	type message struct {
		Text string `json:"text"`
		Data []byte `json:"data"`
	}
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		for _, r := range []struct {
			name string
			opts []sio.HandlerOption
		}{{"", nil}, {" inline", []sio.HandlerOption{sio.Inline()}}} {
			sio.On(f, "struct"+r.name, func(_ context.Context, s *sio.Socket, m message) error {
				return s.Emit("struct", m.Text, len(m.Data), m)
			}, r.opts...)
			sio.On(f, "three"+r.name, func(_ context.Context, s *sio.Socket, a sio.Args3[int, string, []byte]) error {
				return s.Emit("three", a.A, a.B, a.C)
			}, r.opts...)
			sio.On(f, "raw"+r.name, func(_ context.Context, s *sio.Socket, a sio.RawArgs) error {
				return s.Emit("raw", a.Len(), string(a.Raw(0)), a.Raw(7) == nil)
			}, r.opts...)
			sio.On(f, "text"+r.name, func(_ context.Context, s *sio.Socket, a sio.RawArgs) error {
				return s.Emit("text", fmt.Sprint(a))
			}, r.opts...)
			sio.On(f, "any"+r.name, func(_ context.Context, s *sio.Socket, v any) error {
				return s.Emit("any", v)
			}, r.opts...)
		}
	})
	w := f.join(t)
	for _, mode := range []string{"", " inline"} {
		w.send(`451-["struct`+mode+`",{"text":"<hi>","data":`+p0+`}]`, "b:0102")
		w.want(`451-["struct","<hi>",2,{"text":"<hi>","data":`+p0+`}]`, "b:0102")
		w.send(`42["three` + mode + `",1]`)
		w.want(`42["three",1,"",null]`)
		w.send(`42["raw` + mode + `", {"a":[1, 2]},2]`)
		w.want(`42["raw",2,"{\"a\":[1, 2]}",true]`)
		w.send(`42["text`+mode+`"]`, `451-["text`+mode+`",{"a":1},`+p0+`,"x"]`, "b:0102")
		w.want(`42["text","[]"]`, `42["text","[{\"a\":1},{\"_placeholder\":true,\"num\":0},\"x\"]"]`)
		w.send(`42["any` + mode + `",{"x":[1,null,"s"]}]`)
		w.want(`42["any",{"x":[1,null,"s"]}]`)
		w.send(`42["struct` + mode + `",5]`)
		w.alive()
		var wrong *sio.ArgumentError
		if err := wait.For(t, "error", f.errors); !errors.As(err, &wrong) || wrong.Index != 0 {
			t.Errorf("the error is %v", err)
		}
	}
}

// TestOrder sends many events in segments of several sizes: ordinary handlers
// see them in order, and those that the connection handler adds miss none.
func TestOrder(t *testing.T) {
	const events = 500
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.OnConnection(func(s *sio.Socket) {
			// The first events may arrive before the handler is there.
			runtime.Gosched()
			next := 0
			sio.On(s, "n", func(_ context.Context, s *sio.Socket, n int) error {
				if n != next {
					return fmt.Errorf("got %d, want %d", n, next)
				}
				if next++; next == events {
					return s.Emit("done")
				}
				return nil
			})
		})
	})
	w := f.join(t)
	for n := 0; n < events; {
		var batch []string
		for range 1 + n%7 {
			if n < events {
				batch = append(batch, fmt.Sprintf(`42["n",%d]`, n))
				n++
			}
		}
		w.send(batch...)
	}
	w.want(`42["done"]`)
	empty(t, "errors", f.errors)
}

func TestSeveralHandlers(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		add := func(name string, opts ...sio.HandlerOption) {
			f.On("e", func(_ context.Context, e *sio.Event) error { return e.Socket().Emit(name) }, opts...)
		}
		add("first")
		add("second")
		add("inline", sio.Inline())
		f.OnConnection(func(s *sio.Socket) {
			s.On("e", func(_ context.Context, e *sio.Event) error { return e.Socket().Emit("own") })
			s.Emit("ready")
		})
	})
	w := f.join(t)
	w.want(`42["ready"]`)
	w.send(`42["e"]`)
	w.want(`42["inline"]`, `42["first"]`, `42["second"]`, `42["own"]`)
}

func TestPanics(t *testing.T) {
	type report struct {
		event string
		v     any
	}
	panics := make(chan report, 10)
	f := serve(t, sio.Config{OnPanic: func(_ *sio.Socket, event string, v any, stack []byte) {
		if !strings.Contains(string(stack), "handlers_test.go") {
			v = "the stack does not show the handler"
		}
		panics <- report{event, v}
	}}, func(f *fixture) {
		echo(f)
		boom := func(context.Context, *sio.Socket, sio.None) error { panic("boom") }
		sio.On(f, "boom", boom)
		sio.On(f, "inline boom", boom, sio.Inline())
		sio.On(f, "exit", func(context.Context, *sio.Socket, sio.None) error { runtime.Goexit(); return nil })
		f.Of("/fragile").OnConnection(func(*sio.Socket) { panic("boom") })
		f.watch("/fragile")
		f.Of("/fragile").OnDisconnect(func(*sio.Socket, sio.Reason) { panic("boom") })
	})
	w := f.join(t)
	w.send(`42["boom"]`, `42["inline boom"]`, `42["exit"]`)
	w.alive()
	w.connect("/fragile")
	w.want("41/fragile,")
	seen := map[string]bool{}
	for range 5 {
		r := wait.For(t, "panic", panics)
		want := any("boom")
		if r.event == "exit" {
			want = sio.ErrGoexit
		}
		if r.v != want {
			t.Errorf("%s: %v", r.event, r.v)
		}
		seen[r.event] = true
	}
	if len(seen) != 5 || !seen["exit"] || !seen["boom"] || !seen["inline boom"] || !seen["connection"] || !seen["disconnect"] {
		t.Errorf("panics were reported for %v", seen)
	}
	wantReason(t, f, "/fragile server namespace disconnect")
	w.alive()
	if n := f.Stats().HandlerPanics; n != 5 {
		t.Errorf("%d panics were counted, want 5", n)
	}
}

func TestConfigErrors(t *testing.T) {
	for _, tc := range []struct {
		cfg   sio.Config
		field string
	}{
		{sio.Config{Path: "x"}, "Path"},
		{sio.Config{Loops: -1}, "Loops"},
		{sio.Config{Loops: 1000}, "Loops"},
		{sio.Config{PingInterval: -time.Second}, "PingInterval"},
		{sio.Config{PingTimeout: time.Nanosecond}, "PingTimeout"},
		{sio.Config{UpgradeTimeout: -1}, "UpgradeTimeout"},
		{sio.Config{ConnectTimeout: -1}, "ConnectTimeout"},
		{sio.Config{LeaveTimeout: -1}, "LeaveTimeout"},
		{sio.Config{MaxHTTPBufferSize: -1}, "MaxHTTPBufferSize"},
		{sio.Config{MaxAttachments: -1}, "MaxAttachments"},
		{sio.Config{MaxQueued: -1}, "MaxQueued"},
		{sio.Config{MaxPending: -1}, "MaxPending"},
		{sio.Config{MaxPendingBytes: -1}, "MaxPendingBytes"},
		{sio.Config{MaxHandlers: -1}, "MaxHandlers"},
		{sio.Config{MaxSessions: -1}, "MaxSessions"},
		{sio.Config{MaxUnjoined: -1}, "MaxUnjoined"},
		{sio.Config{MaxReceiving: -1}, "MaxReceiving"},
		{sio.Config{MaxConnections: -1}, "MaxConnections"},
		{sio.Config{MaxNamespaces: -1}, "MaxNamespaces"},
		{sio.Config{MaxDynamicNamespaces: -1}, "MaxDynamicNamespaces"},
		{sio.Config{Transports: []string{"carrier pigeon"}}, "Transports"},
		{sio.Config{Transports: []string{"websocket", "webtransport"}}, "Transports"},
		{sio.Config{Path: "/my path"}, "Path"},
		{sio.Config{TrustedProxies: make([]netip.Prefix, 1)}, "TrustedProxies"},
		{sio.Config{PerMessageDeflate: &eio.PerMessageDeflate{Threshold: -1}}, "PerMessageDeflate.Threshold"},
		{sio.Config{PerMessageDeflate: &eio.PerMessageDeflate{Level: 10}}, "PerMessageDeflate.Level"},
	} {
		if _, err := sio.New(tc.cfg); err == nil || !strings.Contains(err.Error(), "Config."+tc.field) {
			t.Errorf("%+v: the error is %v", tc.cfg, err)
		}
	}
}

func TestListenErrors(t *testing.T) {
	f := serve(t, sio.Config{}, nil)
	if err := f.Listen(f.addr); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second Listen on the same port gave %v", err)
	}
	other, err := sio.New(sio.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Wait(); !errors.Is(err, sio.ErrNotListening) {
		t.Errorf("Wait gave %v", err)
	}
	if err := other.ListenAndServe(f.addr); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a port in use gave %v", err)
	}
	if other.Addr() != nil {
		t.Error("there is an address")
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}

func TestOf(t *testing.T) {
	f := serve(t, sio.Config{}, nil)
	if a, b := f.Of("x"), f.Of("/x"); a != b || a.Name() != "/x" {
		t.Error("x and /x are different")
	}
	if f.Of("/x/") == f.Of("/x") {
		t.Error("/x/ and /x are the same")
	}
	if f.Of("") != f.Of("/") {
		t.Error("the empty name is not /")
	}
}

func TestClientFiles(t *testing.T) {
	bundle := fstest.MapFS{"socket.io.js": {Data: []byte("/* Socket.IO v4.8.4 */")}}
	for _, tc := range []struct {
		name   string
		cfg    sio.Config
		status int
	}{
		{"present", sio.Config{Client: bundle}, http.StatusOK},
		{"absent", sio.Config{}, http.StatusNotFound},
		{"off", sio.Config{Client: bundle, NoClient: true}, http.StatusBadRequest},
		{"other path", sio.Config{Client: bundle, Path: "/elsewhere"}, http.StatusNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := serve(t, tc.cfg, nil)
			res, err := pollingClient.Get("http://" + f.addr + "/socket.io/socket.io.js")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != tc.status {
				t.Errorf("the status is %s, want %d", res.Status, tc.status)
			}
		})
	}
}

type bomb struct{}

func (bomb) MarshalJSON() ([]byte, error) { panic("bomb") }

// TestEmitAckPanics: an argument that panics while it is encoded is an error of
// its caller.
func TestEmitAckPanics(t *testing.T) {
	f := serve(t, sio.Config{}, nil)
	w := f.join(t)
	one := wait.For(t, "socket", f.connected)
	f.join(t)
	other := wait.For(t, "socket", f.connected)
	for range 20 {
		if _, err := one.EmitAck(context.Background(), "q", bomb{}); err == nil || !strings.Contains(err.Error(), "panic while encoding: bomb") {
			t.Fatalf("it returned %v", err)
		}
	}
	w.conn.Close()
	wait.For(t, "disconnection", f.disconnected)
	for range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := other.EmitAck(ctx, "q", 1); err != context.Canceled {
			t.Fatalf("got %v, want %v", err, context.Canceled)
		}
	}
}
