package sio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// steps records which handlers ran.
type steps chan string

func (c steps) handler(name string) sio.HandlerFunc {
	return func(_ context.Context, e *sio.Event) error {
		c <- fmt.Sprint(name, " ", e.Name(), " ", e.Len())
		return nil
	}
}

func (c steps) want(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := wait.For(t, "step", c); got != w {
			t.Fatalf("got %q, want %q", got, w)
		}
	}
	empty(t, "steps", c)
}

// TestListenerOrder: catch-all handlers run first, then middlewares, then
// handlers, those of the namespace before those of the socket.
func TestListenerOrder(t *testing.T) {
	ran := make(steps, 100)
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.OnConnection(func(s *sio.Socket) {
			s.On("e", ran.handler("socket handler"))
			s.Use(ran.handler("socket use"))
			s.OnAny(ran.handler("socket any"))
			s.PrependAny(ran.handler("socket first any"))
			s.Emit("ready")
		})
		f.On("e", ran.handler("inline handler"), sio.Inline())
		f.On("e", ran.handler("handler"))
		f.UsePacket(ran.handler("use"))
		f.OnAny(ran.handler("any"))
		f.PrependAny(ran.handler("first any"))
	})
	w := f.join(t)
	w.want(`42["ready"]`)
	w.send(`42["e",1,2]`)
	ran.want(t, "first any e 2", "any e 2", "socket first any e 2", "socket any e 2", "use e 2", "socket use e 2",
		"inline handler e 2", "handler e 2", "socket handler e 2")
	w.send(`42["unknown"]`)
	ran.want(t, "first any unknown 0", "any unknown 0", "socket first any unknown 0", "socket any unknown 0",
		"use unknown 0", "socket use unknown 0")
	t.Run("a packet without an event", func(t *testing.T) {
		w.send(`42`)
		ran.want(t, "first any  0", "any  0", "socket first any  0", "socket any  0", "use  0", "socket use  0")
	})
	t.Run("off", func(t *testing.T) {
		s := wait.For(t, "socket", f.connected)
		f.OffAny()
		s.OffAny()
		w.send(`42["e"]`)
		ran.want(t, "use e 0", "socket use e 0", "inline handler e 0", "handler e 0", "socket handler e 0")
		f.Off("e")
		s.Off()
		w.send(`42["e"]`)
		ran.want(t, "use e 0", "socket use e 0")
		if events := f.Events(); !slices.Equal(events, []string{"echo", "message", "message-with-ack"}) {
			t.Errorf("there are handlers for %q", events)
		}
		if events := s.Events(); len(events) != 0 {
			t.Errorf("the socket has handlers for %q", events)
		}
	})
}

// TestInlineListeners: what is inline runs first, and on the loop.
func TestInlineListeners(t *testing.T) {
	ran := make(steps, 100)
	refuse := errors.New("not now")
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.OnAny(ran.handler("any"), sio.Inline())
		f.UsePacket(func(_ context.Context, e *sio.Event) error {
			if e.Name() == "refused" {
				return refuse
			}
			return nil
		}, sio.Inline())
		f.On("e", ran.handler("inline"), sio.Inline())
		f.On("e", ran.handler("queued"))
		f.On("refused", ran.handler("never"), sio.Inline())
		f.OnError(func(_ *sio.Socket, err error) { ran <- "error " + err.Error() })
	})
	w := f.join(t)
	w.send(`42["e",1]`)
	ran.want(t, "any e 1", "inline e 1", "queued e 1")
	w.send(`42["refused"]`)
	ran.want(t, "any refused 0", "error not now")
	w.send(`42["?"]`)
	ran.want(t, "any ? 0")
	if err := wait.For(t, "error", f.errors); !errors.Is(err, refuse) {
		t.Errorf("the error is %v", err)
	}
}

func TestOnceAndOff(t *testing.T) {
	ran := make(steps, 100)
	var off, offTyped func()
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.On("e", ran.handler("once"), sio.Once())
		f.On("e", ran.handler("inline once"), sio.Once(), sio.Inline())
		off = f.On("e", ran.handler("off"))
		offTyped = sio.On(f, "typed", func(context.Context, *sio.Socket, int) error { ran <- "typed"; return nil })
		f.OnConnection(func(s *sio.Socket) {
			s.On("e", ran.handler("socket once"), sio.Once())
			s.Emit("ready")
		})
	})
	w := f.join(t)
	w.want(`42["ready"]`)
	w.send(`42["e"]`, `42["e"]`, `42["typed",1]`)
	ran.want(t, "inline once e 0", "once e 0", "off e 0", "socket once e 0", "off e 0", "typed")
	off()
	off()
	offTyped()
	w.send(`42["e"]`, `42["typed",1]`)
	w.alive()
	empty(t, "steps", ran)
	if events := f.Events(); slices.Contains(events, "e") || slices.Contains(events, "typed") {
		t.Errorf("there are handlers for %q", events)
	}
}

// TestRejection: an event that a middleware rejects reaches OnError and no
// handler. The connection stays.
func TestRejection(t *testing.T) {
	ran := make(steps, 100)
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.On("secret", ran.handler("never"))
		f.On("error", ran.handler("event"))
		f.OnError(func(_ *sio.Socket, err error) { ran <- "namespace: " + err.Error() })
		f.OnConnection(func(s *sio.Socket) {
			s.Use(func(_ context.Context, e *sio.Event) error {
				switch e.Name() {
				case "secret":
					return errors.New("forbidden")
				case "bug":
					panic("a bug")
				}
				return nil
			})
			s.OnError(func(err error) { ran <- "socket: " + err.Error() })
			s.Emit("ready")
		})
	})
	w := f.join(t)
	w.want(`42["ready"]`)
	w.send(`42["secret"]`)
	ran.want(t, "namespace: forbidden", "socket: forbidden")
	w.send(`42["bug"]`)
	ran.want(t, "namespace: internal server error", "socket: internal server error")
	w.alive()
	t.Run("an event named error", func(t *testing.T) {
		w.send(`42["error","x"]`)
		ran.want(t, "event error 1")
		w.alive()
	})
	t.Run("invalid arguments", func(t *testing.T) {
		for len(f.errors) > 0 {
			<-f.errors
		}
		w.send(`42[]`)
		w.wantClosed()
		wantReason(t, f, "/ forced close")
		var invalid *sio.PacketError
		if err := wait.For(t, "error", f.errors); !errors.As(err, &invalid) {
			t.Errorf("the error is %v", err)
		}
		ran.want(t, "namespace: "+invalid.Error(), "socket: "+invalid.Error())
	})
}

// TestOutgoing: hooks for outgoing events run for each recipient, and not for
// acknowledgements.
func TestOutgoing(t *testing.T) {
	seen := make(steps, 100)
	note := func(who string) func(string, sio.RawArgs) {
		return func(event string, args sio.RawArgs) {
			var b []byte
			if err := args.Bind(nil, &b); err != nil {
				seen <- err.Error()
			}
			seen <- fmt.Sprint(who, " ", event, " ", string(args.Raw(0)), " ", b)
		}
	}
	f := serve(t, sio.Config{Loops: 1}, func(f *fixture) {
		echo(f)
		f.On("ask", func(_ context.Context, e *sio.Event) error { return e.Ack(1) })
	})
	clients, s := crowd(t, f, 2)
	off := s[0].OnAnyOutgoing(note("a"))
	s[0].PrependAnyOutgoing(note("first a"))
	offAll := f.OnAnyOutgoing(func(s *sio.Socket, event string, args sio.RawArgs) { note("all")(event, args) })
	s[0].Emit("e", 1)
	clients[0].want(`42["e",1]`)
	seen.want(t, "all e 1 []", "first a e 1 []", "a e 1 []")
	clients[0].send(`421["ask"]`)
	clients[0].want(`431[1]`)
	empty(t, "steps after an acknowledgement", seen)
	f.Emit("b", "x", []byte{7})
	for _, w := range clients {
		w.want(`451-["b","x",`+p0+`]`, "b:07")
	}
	seen.want(t, `all b "x" [7]`, `first a b "x" [7]`, `a b "x" [7]`, `all b "x" [7]`)
	off()
	offAll()
	s[0].OffAnyOutgoing()
	f.OnAnyOutgoing(func(*sio.Socket, string, sio.RawArgs) { panic("a bug") })
	f.PrependAnyOutgoing(func(*sio.Socket, string, sio.RawArgs) { seen <- "before the bug" })
	clients[0].alive()
	seen.want(t, "before the bug")
	f.OffAnyOutgoing()
	clients[0].alive()
	seen.want(t)
}

// TestListenerCounts counts handlers, in and out, of a namespace and a socket.
func TestListenerCounts(t *testing.T) {
	handle := func(context.Context, *sio.Event) error { return nil }
	f := serve(t, sio.Config{}, echo)
	f.join(t)
	s := wait.For(t, "socket", f.connected)
	for name, r := range map[string]interface {
		sio.Registrar
		Listeners(event string) int
		ListenersAny() int
		ListenersAnyOutgoing() int
		OnAny(h sio.HandlerFunc, opts ...sio.HandlerOption) (off func())
		OffAny()
		OffAnyOutgoing()
	}{"server": f, "namespace": f.Of("/other"), "socket": s} {
		t.Run(name, func(t *testing.T) {
			want := func(event, catching, outgoing int) {
				t.Helper()
				if n := r.Listeners("x"); n != event {
					t.Errorf("%d handlers of the event, want %d", n, event)
				}
				if n := r.ListenersAny(); n != catching {
					t.Errorf("%d catch-all handlers, want %d", n, catching)
				}
				if n := r.ListenersAnyOutgoing(); n != outgoing {
					t.Errorf("%d outgoing listeners, want %d", n, outgoing)
				}
			}
			outgoing := func() (off func()) {
				switch r := r.(type) {
				case *sio.Socket:
					return r.OnAnyOutgoing(func(string, sio.RawArgs) {})
				case *sio.Namespace:
					return r.OnAnyOutgoing(func(*sio.Socket, string, sio.RawArgs) {})
				}
				return f.OnAnyOutgoing(func(*sio.Socket, string, sio.RawArgs) {})
			}
			want(0, 0, 0)
			off := r.On("x", handle)
			r.On("x", handle, sio.Inline())
			r.On("y", handle)
			r.OnAny(handle)
			offOut := outgoing()
			outgoing()
			want(2, 1, 2)
			off()
			offOut()
			want(1, 1, 1)
			r.OffAny()
			r.OffAnyOutgoing()
			want(1, 0, 0)
		})
	}
}
