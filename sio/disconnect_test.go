package sio_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

func TestDisconnect(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.watch("/custom")
	})
	t.Run("from one namespace", func(t *testing.T) {
		w := f.join(t)
		s := wait.For(t, "socket", f.connected)
		s.Join("r")
		f.To("r").Emit("before")
		s.Disconnect(false)
		s.Disconnect(false)
		if s.Connected() || len(f.Sockets()) != 0 {
			t.Error("it is still connected")
		}
		if err := s.Emit("x"); !errors.Is(err, sio.ErrDisconnected) {
			t.Errorf("Emit gave %v", err)
		}
		w.want(`42["before"]`, "41")
		wantReason(t, f, "/ server namespace disconnect")
		if id := w.connect("/"); id == s.ID() {
			t.Error("the id was used twice")
		}
		w.alive()
		w.conn.Close()
		wantReason(t, f, "/ transport close")
		wait.For(t, "socket", f.connected)
	})
	t.Run("with the connection", func(t *testing.T) {
		w := f.join(t, "/", "/custom")
		s := wait.For(t, "socket", f.connected)
		s.Disconnect(true)
		got := []string{w.recv(), w.recv()}
		slices.Sort(got)
		if want := []string{"41", "41/custom,"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		w.wantClosed()
		reasons := []string{wait.For(t, "reason", f.disconnected), wait.For(t, "reason", f.disconnected)}
		slices.Sort(reasons)
		if want := []string{"/ server namespace disconnect", "/custom server namespace disconnect"}; !slices.Equal(reasons, want) {
			t.Errorf("the reasons are %q", reasons)
		}
		wait.For(t, "socket", f.connected)
	})
	t.Run("with the connection, by polling", func(t *testing.T) {
		p := f.polling(t)
		p.connect()
		s := wait.For(t, "socket", f.connected)
		answer := p.parked()
		p.post("3") // the poll was sent before
		s.Disconnect(true)
		if got := wait.For(t, "answer", answer); got == "41" {
			p.want("6\x1e1")
		} else if got != "41\x1e1" {
			t.Errorf("polled %q", got)
		}
		wantReason(t, f, "/ server namespace disconnect")
		p.wantGone()
	})
	t.Run("by the client", func(t *testing.T) {
		w := f.join(t)
		w.send("41")
		wantReason(t, f, "/ client namespace disconnect")
		wait.For(t, "socket", f.connected)
	})
	t.Run("an invalid packet by WebSocket", func(t *testing.T) {
		w := f.join(t)
		w.send("44")
		wantReason(t, f, "/ forced close")
		w.wantClosed()
	})
	t.Run("an invalid packet by polling", func(t *testing.T) {
		p := f.polling(t)
		p.connect()
		p.post("44")
		wantReason(t, f, "/ forced server close")
		p.want("6\x1e1")
		p.wantGone()
	})
	t.Run("polling close", func(t *testing.T) {
		p := f.polling(t)
		p.connect()
		p.post("1")
		wantReason(t, f, "/ transport close")
	})
}

// TestDisconnectHandlers: disconnecting handlers see the rooms, disconnect
// handlers none, and a join then does nothing.
func TestDisconnectHandlers(t *testing.T) {
	type step struct {
		handler   string
		rooms     int
		connected bool
	}
	steps := make(chan step, 10)
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		note := func(handler string, s *sio.Socket) { steps <- step{handler, len(s.Rooms()), s.Connected()} }
		f.OnDisconnecting(func(s *sio.Socket, _ sio.Reason) {
			note("namespace disconnecting", s)
			for _, room := range s.Rooms() {
				s.To(room).Emit("left", room == s.ID())
			}
		})
		f.OnDisconnect(func(s *sio.Socket, _ sio.Reason) {
			s.Join("again")
			note("namespace disconnect", s)
		})
		f.OnConnection(func(s *sio.Socket) {
			s.Join("a")
			note("connection", s)
			s.OnDisconnecting(func(sio.Reason) { note("own disconnecting", s) })
			s.OnDisconnect(func(sio.Reason) { note("own disconnect", s) })
		})
	})
	other := f.join(t)
	if got, want := wait.For(t, "step", steps), (step{"connection", 2, true}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	w := f.join(t)
	if got, want := wait.For(t, "step", steps), (step{"connection", 2, true}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	w.send("41")
	for _, want := range []step{
		{"namespace disconnecting", 2, false},
		{"own disconnecting", 2, false},
		{"namespace disconnect", 0, false},
		{"own disconnect", 0, false},
	} {
		if got := wait.For(t, "step", steps); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	other.want(`42["left",false]`)
	other.alive()
}

func TestShutdown(t *testing.T) {
	release := make(chan struct{})
	finished := make(chan bool, 1)
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.watch("/custom")
		sio.On(f, "slow", func(_ context.Context, s *sio.Socket, _ sio.None) error {
			s.Emit("started")
			<-release
			finished <- true
			return nil
		})
	})
	served := make(chan error, 1)
	go func() { served <- f.Wait() }()
	w := f.join(t, "/", "/custom")
	w.send(`42["slow"]`)
	w.want(`42["started"]`)
	done := make(chan error, 2)
	go func() { done <- f.Shutdown(t.Context()) }()
	wantReason(t, f, "/custom server shutting down")
	w.wantClosed()
	empty(t, "results of Shutdown", done) // it waits for the handler
	close(release)
	if err := wait.For(t, "end of Shutdown", done); err != nil {
		t.Error(err)
	}
	wantReason(t, f, "/ server shutting down")
	if len(finished) != 1 {
		t.Error("Shutdown did not wait for the handler")
	}
	if err := wait.For(t, "end of Wait", served); !errors.Is(err, sio.ErrServerClosed) {
		t.Errorf("Wait gave %v", err)
	}
	if err := f.Shutdown(t.Context()); err != nil {
		t.Errorf("a second Shutdown gave %v", err)
	}
	if err := f.Listen("127.0.0.1:0"); !errors.Is(err, sio.ErrServerClosed) {
		t.Errorf("Listen gave %v", err)
	}
}

func TestShutdownGivesUp(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	f := serve(t, sio.Config{}, func(f *fixture) {
		sio.On(f, "stuck", func(_ context.Context, s *sio.Socket, _ sio.None) error {
			s.Emit("started")
			<-release
			return nil
		})
	})
	w := f.join(t)
	w.send(`42["stuck"]`)
	w.want(`42["started"]`)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := f.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown gave %v", err)
	}
}

// TestDisconnectionFollowsConnection disconnects sockets while they connect:
// the connection handlers are called first, and once, the disconnect handlers
// too.
func TestDisconnectionFollowsConnection(t *testing.T) {
	const clients, joins = 4, 500
	var connected sync.Map
	var ended atomic.Int64
	f := serve(t, sio.Config{Loops: 2}, func(f *fixture) {
		z := f.Of("/z")
		z.OnConnection(func(s *sio.Socket) {
			if _, twice := connected.LoadOrStore(s, true); twice {
				t.Error("connected twice")
			}
		})
		z.OnDisconnect(func(s *sio.Socket, reason sio.Reason) {
			ended.Add(1)
			if _, ok := connected.LoadAndDelete(s); !ok || reason != sio.ServerNamespaceDisconnect {
				t.Errorf("disconnected with %q; connected before: %t", reason, ok)
			}
		})
	})
	var joined sync.WaitGroup
	for range clients {
		w := f.dial(t)
		joined.Go(func() {
			for range joins {
				w.connect("/z")
				w.want("41/z,")
			}
		})
	}
	done := make(chan struct{})
	go func() { joined.Wait(); close(done) }()
	for joining := true; joining; {
		select {
		case <-done:
			joining = false
		default:
			f.Of("/z").DisconnectSockets(false)
		}
	}
	wait.Until(t, "all disconnections", func() bool { return ended.Load() == clients*joins })
}

// TestUnhandled counts the events that come behind one whose handler has
// disconnected the socket.
func TestUnhandled(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		sio.On(f, "bye", func(_ context.Context, s *sio.Socket, _ sio.None) error {
			s.Disconnect(false)
			return nil
		}, sio.Inline())
		sio.On(f, "more", func(context.Context, *sio.Socket, sio.None) error { return nil })
	})
	w := f.join(t)
	w.send(`42["bye"]`, `42["more"]`, `42["more"]`)
	w.want("41")
	if n := f.Stats().Unhandled; n != 2 {
		t.Errorf("%d events were not handled, want 2", n)
	}
}
