package sio_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// A hook of OnRoom that blocks stops nothing, and what waits for it is bounded.
func TestRoomHookBlocks(t *testing.T) {
	const bound, more = 65_536, 1000 // events
	blocked, release := make(chan struct{}), make(chan struct{})
	var told atomic.Int64
	f := serve(t, sio.Config{Loops: 1}, func(f *fixture) {
		echo(f)
		f.OnRoom(func(sio.RoomEvent) {
			if told.Add(1) == 1 {
				close(blocked)
				<-release
			}
		})
	})
	w := f.join(t)
	s := wait.For(t, "connection", f.connected)
	wait.For(t, "call of the hook", blocked)
	for range (bound + more) / 4 {
		s.Join("r")
		s.Leave("r")
	}
	w.alive()
	// The first of the two events of the socket's own room does not wait any
	// more.
	if dropped := f.Stats().RoomEventsDropped; dropped != more+1 {
		t.Errorf("%d events were dropped, want %d", dropped, more+1)
	}
	short, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := f.Shutdown(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown with a blocked hook: %v", err)
	}
	close(release)
	wait.Until(t, "the hook has been told what waits", func() bool { return told.Load() == bound+1 })
}

// Shutdown waits for the hook, which is told of the changes in their order.
func TestRoomHookSeesAll(t *testing.T) {
	var told []string
	f := serve(t, sio.Config{Loops: 2}, func(f *fixture) {
		f.OnRoom(func(e sio.RoomEvent) {
			time.Sleep(10 * time.Microsecond) // slower than the changes
			if e.Room[0] == '#' {
				told = append(told, fmt.Sprint(e.Kind, " ", e.Room))
			}
		})
	})
	f.join(t)
	s := wait.For(t, "connection", f.connected)
	for i := range 500 {
		s.Join(fmt.Sprint("#", i))
		s.Leave(fmt.Sprint("#", i))
	}
	if err := f.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(told) != 2000 {
		t.Fatalf("the hook was told %d changes, want 2000", len(told))
	}
	for i, e := range told {
		kind := [...]fmt.Stringer{sio.RoomCreated, sio.RoomJoined, sio.RoomLeft, sio.RoomDeleted}[i%4]
		if want := fmt.Sprint(kind, " #", i/4); e != want {
			t.Fatalf("change %d is %q, want %q", i, e, want)
		}
	}
}
