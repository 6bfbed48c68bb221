package sio

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
)

// TestSize bounds what an idle client costs: one allocation, in the size class
// of 352 bytes.
func TestSize(t *testing.T) {
	if n := unsafe.Sizeof(client{}); n > 352 {
		t.Errorf("a client has %d bytes", n)
	}
	if n := unsafe.Sizeof(Socket{}); n > 128 {
		t.Errorf("a socket has %d bytes", n)
	}
}

func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	type move struct {
		X, Y int
	}
	calls := 0
	m := inMemory(t, func(srv *Server) {
		srv.On("raw", func(context.Context, *Event) error { calls++; return nil }, Inline())
		On(srv, "typed", func(_ context.Context, _ *Socket, _ move) error { calls++; return nil }, Inline())
		srv.On("echo", func(_ context.Context, e *Event) error { calls++; return e.AckArgs(e.RawArgs) }, Inline())
		srv.On("ack", func(_ context.Context, e *Event) error { calls++; return e.Ack() }, Inline())
	})
	c := m.join(t)
	c.Forget()
	for _, tc := range []struct {
		name  string
		limit float64 // Feed's copy included
		send  string
	}{
		{"inline", 1, `42["raw",{"x":1,"y":2}]`},
		{"unknown event", 1, `42["who knows",{"x":1,"y":2}]`},
		// The handler's argument, and the JSON decoder's.
		{"inline typed", 3, `42["typed",{"x":1,"y":2}]`},
		{"inline ack", 1, `421["ack"]`},
		{"inline echo", 1, `421["echo","text",{"x":[1,2]}]`},
		{"unknown ack", 1, `431[]`},
	} {
		b := eiotest.AppendText(nil, tc.send)
		if n := leastAllocs(200, func() { c.Feed(b) }); n > tc.limit {
			t.Errorf("%s: %v allocations, want %v", tc.name, n, tc.limit)
		}
	}
	if calls == 0 {
		t.Error("no handler was called")
	}
}

// TestBroadcastAllocs: what a broadcast allocates does not grow with its
// recipients; for each loop there is a task, which is pooled.
func TestBroadcastAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, clients := range []int{10, 2000} {
		m := inMemory(t, func(*Server) {})
		for range clients {
			m.join(t).Forget()
		}
		payload := []any{strings.Repeat("x", 100)}
		sent := m.Stats().PacketsOut
		if n := leastAllocs(20, func() {
			m.Emit("e", payload...)
			m.loops.Run()
		}); n > 0 {
			t.Errorf("a broadcast to %d: %v allocations", clients, n)
		}
		if n := m.Stats().PacketsOut - sent; n != uint64(5*21*clients) {
			t.Errorf("%d packets were sent", n)
		}
	}
}

func TestEmitAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	m := inMemory(t, func(*Server) {})
	// Few, because what they are sent is kept.
	clients := make([]*looptest.Conn, 10)
	for i := range clients {
		clients[i] = m.join(t)
	}
	for i, s := range m.Sockets() {
		s.Join("room", fmt.Sprint(i%3))
	}
	s := m.Sockets()[0]
	payload := []any{strings.Repeat("x", 100)}
	one, all := m.To(s.ID()), m.To("room", "1").Except("2")
	for _, tc := range []struct {
		name string
		emit func()
	}{
		{"emit", func() { s.Emit("e", payload...) }},
		{"to a socket", func() { one.Emit("e", payload...) }},
		{"to rooms", func() { all.Emit("e", payload...) }},
		{"to everybody", func() { m.Emit("e", payload...) }},
	} {
		run := func() {
			tc.emit()
			m.loops.Run()
		}
		run()
		sent := m.Stats().PacketsOut
		run()
		if m.Stats().PacketsOut == sent {
			t.Errorf("%s: nothing was sent", tc.name)
		}
		if n := leastAllocs(100, run); n > 0 {
			t.Errorf("%s: %v allocations", tc.name, n)
		}
		for _, c := range clients {
			c.Sent()
		}
	}
}

// leastAllocs is testing.AllocsPerRun without the allocations of other
// goroutines and those that refill pools after a collection. Both only add, so
// the least of several runs has none.
func leastAllocs(runs int, f func()) float64 {
	least := testing.AllocsPerRun(runs, f)
	for range 4 {
		least = min(least, testing.AllocsPerRun(runs, f))
	}
	return least
}
