package sio_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestWrapHandlers: each handler is wrapped once, where it is registered, and
// the first function is outermost.
func TestWrapHandlers(t *testing.T) {
	var mu sync.Mutex
	var infos []sio.HandlerInfo
	var calls []string
	note := func(call string) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, call)
	}
	wrapper := func(name string) sio.HandlerWrapper {
		return func(of sio.HandlerInfo, next sio.HandlerFunc) sio.HandlerFunc {
			mu.Lock()
			defer mu.Unlock()
			infos = append(infos, of)
			return func(ctx context.Context, e *sio.Event) error {
				note(fmt.Sprintf("%s %s %s", name, of.Event, e.Name()))
				return next(ctx, e)
			}
		}
	}
	f := serve(t, sio.Config{WrapHandlers: []sio.HandlerWrapper{wrapper("a"), wrapper("b")}}, func(f *fixture) {
		sio.On(f.Of("/n"), "typed", func(context.Context, *sio.Socket, int) error { note("typed"); return nil }, sio.Once())
		f.Of("/n").On("inline", func(context.Context, *sio.Event) error { note("inline"); return nil }, sio.Inline())
		f.Of("/n").OnAny(func(context.Context, *sio.Event) error { return nil }, sio.Inline())
		f.Of("/n").UsePacket(func(context.Context, *sio.Event) error { return nil }, sio.Inline())
		f.Of("/n").OnConnection(func(s *sio.Socket) {
			s.On("own", func(context.Context, *sio.Event) error { note("own"); return nil })
		})
	})
	c := eiotest.Dial(t, f.addr, "/socket.io/?EIO=4&transport=websocket")
	c.Next()
	c.Text("40/n,")
	c.Next()
	// called sends an event and waits for its handler. It returns the calls.
	called := func(event, packet string) []string {
		mu.Lock()
		calls = nil
		mu.Unlock()
		c.Text(packet)
		wait.Until(t, "it was called", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Contains(calls, event)
		})
		mu.Lock()
		defer mu.Unlock()
		return calls
	}
	for event, packet := range map[string]string{"own": `42/n,["own"]`, "inline": `42/n,["inline"]`, "typed": `42/n,["typed",1]`} {
		first := []string{"a  " + event, "b  " + event}
		want := slices.Concat(first, first, []string{"a " + event + " " + event, "b " + event + " " + event, event})
		if got := called(event, packet); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	want := []sio.HandlerInfo{
		{Namespace: "/n", Event: "typed"}, {Namespace: "/n", Event: "inline"}, {Namespace: "/n", Kind: sio.AnyHandler},
		{Namespace: "/n", Kind: sio.PacketMiddleware}, {Namespace: "/n", Event: "own"},
	}
	if len(infos) != 2*len(want) {
		t.Fatalf("got %v", infos)
	}
	for i, of := range infos {
		if of != want[i/2] {
			t.Errorf("%d: got %v, want %v", i, of, want[i/2])
		}
	}
}

// TestWrapHandlersOfChildren: what the names are that wrappers get is not up to
// clients.
func TestWrapHandlersOfChildren(t *testing.T) {
	names := make(chan string, 10)
	var parent string
	f := serve(t, sio.Config{WrapHandlers: []sio.HandlerWrapper{func(of sio.HandlerInfo, next sio.HandlerFunc) sio.HandlerFunc {
		names <- of.Namespace
		return next
	}}}, func(f *fixture) {
		nothing := func(context.Context, *sio.Event) error { return nil }
		rooms := f.OfPattern(regexp.MustCompile("^/room-"))
		parent = rooms.Name()
		rooms.On("inherited", nothing)
		rooms.OnConnection(func(s *sio.Socket) {
			s.Namespace().On("of the child", nothing)
			s.On("own", nothing)
		})
	})
	c := eiotest.Dial(t, f.addr, "/socket.io/?EIO=4&transport=websocket")
	c.Next()
	c.Text("40/room-1,")
	for range 3 {
		if got := wait.For(t, "a name", names); got != parent {
			t.Errorf("got %s, want %s", got, parent)
		}
	}
}

func TestWrapHandlersNil(t *testing.T) {
	srv, err := sio.New(sio.Config{WrapHandlers: []sio.HandlerWrapper{
		func(sio.HandlerInfo, sio.HandlerFunc) sio.HandlerFunc { return nil },
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []sio.HandlerFunc{nil, func(context.Context, *sio.Event) error { return nil }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a nil handler is registered")
				}
			}()
			srv.On("x", h)
		}()
	}
}
