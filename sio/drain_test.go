package sio_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// shutdown begins to shut the server down and waits until it is not ready.
func (f *fixture) shutdown(t *testing.T, ctx context.Context) (result <-chan error) {
	t.Helper()
	if !f.Ready() {
		t.Error("the server is not ready before Shutdown")
	}
	ended := make(chan error, 1)
	go func() { ended <- f.Shutdown(ctx) }()
	wait.Until(t, "begin of Shutdown", func() bool { return !f.Ready() })
	return ended
}

// TestDrainServesThoseWhoAreThere: until Drain.Notice is over new clients are
// refused, and those that are connected can do everything.
func TestDrainServesThoseWhoAreThere(t *testing.T) {
	f := serve(t, sio.Config{Drain: sio.Drain{Notice: 90 * time.Minute}}, func(f *fixture) {
		echo(f)
		f.watch("/custom")
	})
	w, p := f.join(t), f.polling(t)
	p.connect()
	ctx, cancel := context.WithCancel(t.Context())
	ended := f.shutdown(t, ctx)
	wait.Until(t, "refusal of new clients", func() bool {
		r := eiotest.Get(t, "http://"+f.addr+"/socket.io/?EIO=4&transport=polling")
		return r.Status == http.StatusServiceUnavailable && r.Header.Get("Retry-After") == "5400"
	})
	w.alive()
	w.connect("/custom")
	p.post(`42["echo",1]`)
	p.want(`42["echo",1]`)
	empty(t, "results of Shutdown", ended)
	cancel()
	if err := wait.For(t, "end of Shutdown", ended); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w.wantClosed()
	for range 3 {
		if got := wait.For(t, "reason", f.disconnected); !strings.HasSuffix(got, " "+string(sio.ServerShuttingDown)) {
			t.Errorf("disconnected: %s", got)
		}
	}
}

// TestDrainTellsClientsToGo: clients get what was emitted before and the end of
// their connection, after which Shutdown returns.
func TestDrainTellsClientsToGo(t *testing.T) {
	f := serve(t, sio.Config{Drain: sio.Drain{Spread: time.Millisecond}}, nil)
	w, parks, fetches := f.join(t), f.polling(t), f.polling(t)
	parks.connect()
	fetches.connect()
	for range 3 {
		wait.For(t, "socket", f.connected)
	}
	f.Emit("last words")
	w.want(`42["last words"]`)
	parks.want(`42["last words"]`)
	answer := parks.parked()
	ended := f.shutdown(t, t.Context())
	w.wantClosed()
	if got := wait.For(t, "answer", answer); got != "1" {
		t.Errorf("the poll got %q", got)
	}
	fetches.want(`42["last words"]`)
	if got := fetches.poll(); got != "1" && got != "6\x1e1" {
		t.Errorf("the last poll got %q", got)
	}
	if err := wait.For(t, "end of Shutdown", ended); err != nil {
		t.Error(err)
	}
	for range 3 {
		wantReason(t, f, "/ server shutting down")
	}
}

// TestDrainWaitsForHandlers: a client whose handler runs gets the
// acknowledgement before it is told to go.
func TestDrainWaitsForHandlers(t *testing.T) {
	release := make(chan struct{})
	f := serve(t, sio.Config{
		Loops: 1, Drain: sio.Drain{Notice: time.Millisecond}, LeaveTimeout: time.Hour,
	}, func(f *fixture) {
		sio.OnAck(f, "slow", func(_ context.Context, s *sio.Socket, n int) (int, error) {
			_ = s.Emit("begins")
			<-release
			return n + 1, nil
		})
	})
	w, other := f.join(t), f.join(t)
	w.send(`420["slow",1]`, `421["slow",2]`)
	w.want(`42["begins"]`)
	ended := f.shutdown(t, t.Context())
	other.wantClosed() // w has had its turn in the same burst
	close(release)
	w.want(`430[2]`, `42["begins"]`, `431[3]`)
	w.wantClosed()
	if err := wait.For(t, "end of Shutdown", ended); err != nil {
		t.Error(err)
	}
}

// TestDrainWaitsNotForEver: Config.LeaveTimeout bounds the wait for handlers.
func TestDrainWaitsNotForEver(t *testing.T) {
	release := make(chan struct{})
	f := serve(t, sio.Config{Drain: sio.Drain{Notice: time.Millisecond}, LeaveTimeout: 10 * time.Millisecond}, func(f *fixture) {
		sio.On(f, "stuck", func(_ context.Context, s *sio.Socket, _ sio.None) error {
			_ = s.Emit("begins")
			<-release
			return nil
		})
	})
	w := f.join(t)
	w.send(`42["stuck"]`)
	w.want(`42["begins"]`)
	ended := f.shutdown(t, t.Context())
	w.wantClosed()
	empty(t, "results of Shutdown", ended)
	close(release)
	if err := wait.For(t, "end of Shutdown", ended); err != nil {
		t.Error(err)
	}
}

// TestCloseEndsShutdown: Close ends the stages of a Shutdown that is under way,
// and a second Shutdown does not.
func TestCloseEndsShutdown(t *testing.T) {
	for name, d := range map[string]sio.Drain{"notice": {Notice: time.Hour}, "spread": {Spread: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, sio.Config{Drain: d, Loops: 1}, nil)
			w := f.join(t)
			ended := f.shutdown(t, t.Context())
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			var incomplete *sio.ShutdownError
			if err := f.Shutdown(ctx); !errors.As(err, &incomplete) || !errors.Is(err, context.Canceled) {
				t.Errorf("a second Shutdown: %v", err)
			}
			if err := f.Listen("127.0.0.1:0"); !errors.Is(err, sio.ErrServerClosed) {
				t.Errorf("Listen: %v", err)
			}
			empty(t, "results of Shutdown", ended)
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			if err := wait.For(t, "end of Shutdown", ended); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			w.wantClosed()
		})
	}
}

// TestDrainOfAttached: the servers on one port drain together, and one alone
// leaves the others as they are.
func TestDrainOfAttached(t *testing.T) {
	d := sio.Drain{Spread: time.Millisecond}
	f := serve(t, sio.Config{Loops: 1, Drain: d}, echo)
	attach := func(path string) *fixture {
		srv, err := sio.New(sio.Config{Loops: 1, Path: path, Drain: d})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Attach(srv); err != nil {
			t.Fatal(err)
		}
		return &fixture{Server: srv, addr: f.addr}
	}
	a, b := attach("/a/"), attach("/b/")
	w := f.join(t)
	at := func(path string) *ws {
		x := &ws{t: t, conn: eiotest.Dial(t, f.addr, path+"?EIO=4&transport=websocket")}
		openPacket(t, x.recv())
		x.connect("/")
		return x
	}
	ofA, ofB := at("/a/"), at("/b/")
	if err := a.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	ofA.wantClosed()
	w.alive()
	if a.Ready() || !b.Ready() || !f.Ready() {
		t.Errorf("ready: %v %v %v", a.Ready(), b.Ready(), f.Ready())
	}
	if err := f.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	w.wantClosed()
	ofB.wantClosed()
	if b.Ready() {
		t.Error("what was attached is ready after its host's end")
	}
}

// TestShutdownWithNetHTTP: the order of http.Server.Shutdown and the server's
// own does not matter.
func TestShutdownWithNetHTTP(t *testing.T) {
	for _, name := range []string{"ours first", "net/http's first", "together"} {
		t.Run(name, func(t *testing.T) {
			srv, err := sio.New(sio.Config{PingInterval: time.Hour, Drain: sio.Drain{Spread: 10 * time.Millisecond}})
			if err != nil {
				t.Fatal(err)
			}
			if srv.Ready() {
				t.Error("it is ready before it has a Handler")
			}
			handler, err := srv.Handler()
			if err != nil {
				t.Fatal(err)
			}
			h := httptest.NewServer(handler)
			defer h.Close()
			f := &fixture{Server: srv, addr: h.Listener.Addr().String()}
			w, p := f.join(t), f.polling(t)
			p.connect()
			answer := p.parked()
			wait.Until(t, "parked poll", func() bool {
				for _, s := range srv.Sockets() {
					if c := s.Conn(); c.Transport() == "polling" {
						writable := make(chan bool)
						c.Loop().PostFunc(func() { writable <- c.Writable() })
						return <-writable
					}
				}
				return false
			})
			ours := func() error { return srv.Shutdown(t.Context()) }
			theirs := func() error { return h.Config.Shutdown(t.Context()) }
			results := make(chan error, 2)
			switch name {
			case "ours first":
				results <- ours()
				results <- theirs()
			case "net/http's first":
				results <- theirs()
				w.send("40/x,")
				w.want(`44/x,{"message":"Invalid namespace"}`) // WebSockets stay
				results <- ours()
			default:
				go func() { results <- ours() }()
				go func() { results <- theirs() }()
			}
			for range 2 {
				if err := wait.For(t, "end of a Shutdown", results); err != nil {
					t.Error(err)
				}
			}
			if got := wait.For(t, "answer", answer); got != "1" {
				t.Errorf("the poll got %q", got)
			}
			w.wantClosed()
			closeIdle()
		})
	}
}
