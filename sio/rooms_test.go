package sio_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// crowd joins n clients and returns them with their sockets.
func crowd(t *testing.T, f *fixture, n int) ([]*ws, []*sio.Socket) {
	t.Helper()
	clients, sockets := make([]*ws, n), make([]*sio.Socket, n)
	for i := range clients {
		clients[i] = f.join(t)
		sockets[i] = wait.For(t, "socket", f.connected)
	}
	return clients, sockets
}

// wantReached broadcasts with o and checks which clients get it.
func wantReached(t *testing.T, o sio.BroadcastOperator, clients []*ws, want ...int) {
	t.Helper()
	if err := o.Emit("cast", 1); err != nil {
		t.Fatal(err)
	}
	for i, w := range clients {
		if slices.Contains(want, i) {
			w.want(`42["cast",1]`)
		}
		w.alive()
	}
}

func TestBroadcast(t *testing.T) {
	f := serve(t, sio.Config{Loops: 3}, func(f *fixture) {
		echo(f)
		f.watch("/custom")
	})
	clients, s := crowd(t, f, 6)
	s[0].Join("r1", "r2")
	s[1].Join("r1")
	s[2].Join("r2")
	s[3].Join("r3", s[0].ID())
	for _, tc := range []struct {
		name string
		to   sio.BroadcastOperator
		want []int
	}{
		{"everybody", f.To(), []int{0, 1, 2, 3, 4, 5}},
		{"room", f.To("r1"), []int{0, 1}},
		{"union", f.To("r1").In("r2"), []int{0, 1, 2}},
		{"union at once", f.In("r1", "r2"), []int{0, 1, 2}},
		{"unknown room", f.To("nobody"), nil},
		{"id", f.To(s[4].ID()), []int{4}},
		{"id and a room of its name", f.To(s[0].ID()), []int{0, 3}},
		{"own id", s[4].To(s[4].ID()), nil},
		{"id of another namespace", f.Of("/custom").To(s[4].ID()), nil},
		{"id and room", f.To("r1", s[0].ID(), s[5].ID()), []int{0, 1, 3, 5}},
		{"except", f.Except("r1"), []int{2, 3, 4, 5}},
		{"to and except", f.To("r1").Except("r2"), []int{1}},
		{"except an id", f.To("r1").Except(s[1].ID()), []int{0}},
		{"broadcast", s[2].Broadcast(), []int{0, 1, 3, 4, 5}},
		{"socket to", s[0].To("r1"), []int{1}},
		{"socket in", s[5].In("r3"), []int{3}},
		{"socket except", s[5].Except("r1", "r2"), []int{3, 4}},
		{"volatile", f.To("r1").Volatile(), []int{0, 1}},
	} {
		t.Run(tc.name, func(t *testing.T) { wantReached(t, tc.to, clients, tc.want...) })
	}
	t.Run("immutable", func(t *testing.T) {
		base := f.To("r1")
		base.To("r3")
		base.Except("r1")
		wantReached(t, base, clients, 0, 1)
	})
	t.Run("binary", func(t *testing.T) {
		f.To("r1").Emit("bin", []byte{1, 2})
		for _, w := range clients[:2] {
			w.want(`451-["bin",`+p0+`]`, "b:0102")
		}
	})
	t.Run("reserved names", func(t *testing.T) {
		for name, err := range map[string]error{
			"namespace": f.Emit("connect"),
			"operator":  f.To("r1").Emit("disconnecting"),
			"socket":    s[0].Emit("newListener"),
		} {
			if !errors.Is(err, sio.ErrReservedEvent) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := s[0].EmitAck(t.Context(), "disconnect"); !errors.Is(err, sio.ErrReservedEvent) {
			t.Errorf("EmitAck: %v", err)
		}
		if err := f.Emit("x", make(chan int)); err == nil {
			t.Error("a channel was encoded")
		}
		clients[0].alive()
	})
	t.Run("leave", func(t *testing.T) {
		s[0].Leave("r1")
		s[0].Leave("r1")
		s[0].Leave(s[0].ID())
		if rooms := s[0].Rooms(); !slices.Equal(rooms, []string{s[0].ID(), "r2"}) {
			t.Errorf("it is in %q", rooms)
		}
		wantReached(t, f.To("r1"), clients, 1)
		wantReached(t, f.To(s[0].ID()), clients, 0, 3)
	})
}

// TestBroadcastIsForTheMembersAtEmit: joins and leaves after an emit don't
// change its recipients.
func TestBroadcastIsForTheMembersAtEmit(t *testing.T) {
	f := serve(t, sio.Config{Loops: 1}, func(f *fixture) {
		echo(f)
		// Inline, so that the emits wait on the loop until the handler returns.
		f.On("play", func(_ context.Context, e *sio.Event) error {
			s := e.Socket()
			f.To("r").Emit("too early")
			s.Join("r")
			f.To("r").Emit("member")
			s.Leave("r")
			f.To("r").Emit("too late")
			s.Emit("last")
			s.Disconnect(false)
			return s.Emit("gone")
		}, sio.Inline())
	})
	w := f.join(t)
	s := wait.For(t, "socket", f.connected)
	w.send(`42["play"]`)
	w.want(`42["member"]`, `42["last"]`, `41`)
	if err := wait.For(t, "error", f.errors); !errors.Is(err, sio.ErrDisconnected) {
		t.Errorf("the error is %v", err)
	}
	w.connect("/")
	w.alive()
	wait.Until(t, "its disconnect handlers have returned", func() bool { return len(s.Rooms()) == 0 })
	s.Join("r") // does nothing any more
	if rooms := s.Rooms(); len(rooms) != 0 {
		t.Errorf("it is in %q after its end", rooms)
	}
}

func TestVolatile(t *testing.T) {
	f := serve(t, sio.Config{}, nil)
	p := f.polling(t)
	p.connect()
	s := wait.For(t, "socket", f.connected)
	t.Run("volatile without a poll", func(t *testing.T) {
		s.Volatile().Emit("lost", 1)
		f.Volatile().Emit("lost", 2)
		p.post("3") // its answer comes after the emits were carried out
		s.Emit("kept")
		p.want(`42["kept"]`)
		if n := f.Stats().VolatileDropped; n != 2 {
			t.Errorf("%d were dropped, want 2", n)
		}
	})
	t.Run("volatile with attachments", func(t *testing.T) {
		w := f.join(t)
		wait.For(t, "socket", f.connected).Volatile().Emit("bin", []byte{1}, []byte{2})
		w.want(`452-["bin",`+p0+`,`+p1+`]`, "b:01", "b:02")
	})
}

// TestRoomList lists the rooms of a namespace, of a parent, and counts sockets.
func TestRoomList(t *testing.T) {
	var parent *sio.Namespace
	f := serve(t, sio.Config{Loops: 3}, func(f *fixture) {
		echo(f)
		parent = f.OfPattern(regexp.MustCompile(`^/p`))
		parent.OnConnection(func(s *sio.Socket) {
			s.Join("both", s.Namespace().Name())
			record(f, f.connected, s)
		})
	})
	_, s := crowd(t, f, 3)
	want := func(what string, got map[string]int, want string) {
		t.Helper()
		if text := fmt.Sprint(got); text != "map["+want+"]" {
			t.Errorf("%s: the rooms are %s, want %s", what, text, want)
		}
	}
	want("at first", f.Rooms(), "")
	s[0].Join("a", "b")
	s[1].Join("b")
	want("joined", f.Rooms(), "a:1 b:2")
	s[0].Leave("a")
	s[1].Disconnect(false)
	want("left", f.Rooms(), "b:1")
	f.join(t, "/p1", "/p2")
	f.join(t, "/p2")
	for range 3 {
		wait.For(t, "socket", f.connected)
	}
	want("child", f.Of("/p2").Rooms(), "/p2:2 both:2")
	want("main", f.Rooms(), "b:1")
	want("parent", parent.Rooms(), "/p1:1 /p2:2 both:3")
	for what, count := range map[string]func(context.Context) (int, error){
		"server": f.CountSockets, "namespace": f.Of("/p2").CountSockets, "room": f.Of("/p2").To("both").CountSockets,
	} {
		if n, err := count(t.Context()); n != 2 || err != nil {
			t.Errorf("%s: %d sockets, %v", what, n, err)
		}
	}
	if _, err := parent.CountSockets(t.Context()); !errors.Is(err, sio.ErrParentNamespace) {
		t.Errorf("counting a parent's sockets: %v", err)
	}
}

// TestModifierOrder gives options of a socket and addresses in any order: they
// mean the same.
func TestModifierOrder(t *testing.T) {
	f := serve(t, sio.Config{Loops: 2}, echo)
	clients, s := crowd(t, f, 4)
	for _, in := range s[:3] {
		in.Join("r")
	}
	s[2].Join("mute")
	for name, to := range map[string]sio.BroadcastOperator{
		"To Except":          s[0].To("r").Except("mute"),
		"Timeout To":         s[0].Timeout(time.Minute).To("r").Except("mute"),
		"Timeout In":         s[0].Timeout(time.Minute).In("r").Except("mute"),
		"Compress To":        s[0].Compress(false).To("r").Except("mute"),
		"Volatile Except To": s[0].Volatile().Except("mute").To("r"),
		"Broadcast To":       s[0].Compress(true).Broadcast().To("r").Except("mute"),
		"Local To":           s[0].Compress(true).Local().To("r").Except("mute"),
		"To Local":           s[0].To("r").Local().Except("mute"),
	} {
		t.Run(name, func(t *testing.T) { wantReached(t, to, clients, 1) })
	}
	for name, to := range map[string]sio.BroadcastOperator{
		"Timeout first": s[0].Timeout(time.Millisecond).Compress(false).To("r"),
		"Timeout last":  s[0].Compress(false).To("r").Timeout(time.Millisecond),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := to.EmitAck(t.Context(), "cast"); !errors.Is(err, sio.ErrTimeout) {
				t.Errorf("the error is %v", err)
			}
			for _, w := range clients[1:3] {
				if got := w.recv(); !strings.HasSuffix(got, `["cast"]`) {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	stalled := f.polling(t)
	stalled.connect() // no GET waits: a volatile event does not arrive
	wait.For(t, "socket", f.connected).Join("stalled")
	dropped := f.Stats().VolatileDropped
	if err := s[0].Timeout(time.Minute).Volatile().To("stalled").Emit("x"); err != nil {
		t.Error(err)
	}
	wait.Until(t, "the event is dropped", func() bool { return f.Stats().VolatileDropped == dropped+1 })
}
