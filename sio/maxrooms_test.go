package sio_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestMaxRooms: a socket joins no more rooms than it may be in, with and without
// recovery, and may join another one when it has left one.
func TestMaxRooms(t *testing.T) {
	for _, recovery := range []*sio.Recovery{nil, {}} {
		f := serve(t, sio.Config{MaxRooms: 2, ConnectionStateRecovery: recovery}, nil)
		join := func() { f.dial(t).send("40") }
		join()
		s := wait.For(t, "socket", f.connected)
		want := func(rooms ...string) {
			t.Helper()
			got := s.Rooms()[1:]
			if slices.Sort(got); !slices.Equal(got, rooms) {
				t.Errorf("in %q; want %q", got, rooms)
			}
		}
		if err := s.Join("a", s.ID(), "b", "c", "d"); !errors.Is(err, sio.ErrTooManyRooms) {
			t.Errorf("four rooms: %v", err)
		}
		want("a", "b")
		if err := s.Join("a", "b"); err != nil {
			t.Errorf("rooms that it is in: %v", err)
		}
		f.SocketsJoin("e", "f")
		want("a", "b")
		s.Leave("a")
		if err := s.Join("c"); err != nil {
			t.Errorf("after it has left one: %v", err)
		}
		want("b", "c")
		if n := f.Stats().RoomsRefused; n != 2 {
			t.Errorf("%d refused", n)
		}
		join()
		other := wait.For(t, "socket", f.connected)
		if err := other.Join("a", "b"); err != nil {
			t.Errorf("another socket: %v", err)
		}
	}
	f := serve(t, sio.Config{}, nil)
	f.join(t)
	s := wait.For(t, "socket", f.connected)
	for i := range 1000 {
		if err := s.Join(fmt.Sprint(i)); err != nil {
			t.Fatalf("without a limit: %v", err)
		}
	}
	if _, err := sio.New(sio.Config{MaxRooms: -1}); err == nil {
		t.Error("a negative limit is accepted")
	}
}
