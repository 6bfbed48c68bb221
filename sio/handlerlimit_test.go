package sio_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestMaxHandlers: what has no handler free waits, in the order in which it
// came, and needs none to be answered by its client.
func TestMaxHandlers(t *testing.T) {
	entered, release := make(chan string, 10), make(chan struct{})
	f := serve(t, sio.Config{MaxHandlers: 2}, func(f *fixture) {
		sio.On(f, "block", func(_ context.Context, _ *sio.Socket, name string) error {
			entered <- name
			<-release
			return nil
		})
		sio.On(f, "ask", func(ctx context.Context, s *sio.Socket, name string) error {
			entered <- name
			_, err := sio.EmitAck[sio.None](ctx, s, "question")
			entered <- name + " answered"
			return err
		})
		f.On("inline", func(_ context.Context, e *sio.Event) error { return e.Ack() }, sio.Inline())
	})
	state := func(running, waiting int) {
		t.Helper()
		wait.Until(t, fmt.Sprintf("%d running and %d waiting", running, waiting), func() bool {
			st := f.Stats()
			return st.HandlersRunning == running && st.HandlersWaiting == waiting
		})
	}
	var clients [5]*ws
	for i := range clients {
		clients[i] = f.join(t)
		wait.For(t, "connection", f.connected)
	}
	state(0, 0)
	clients[0].send(`42["block","first"]`)
	wait.For(t, "the first", entered)
	clients[1].send(`42["ask","second"]`)
	clients[1].want(`420["question"]`)
	wait.For(t, "the second", entered)
	for i, w := range clients[2:] {
		w.send(fmt.Sprintf(`42["block","%d"]`, i))
		state(2, i+1)
		w.send(`421["inline"]`)
		w.want(`431[]`)
	}
	empty(t, "handlers", entered)
	clients[1].send(`430[]`)
	for _, want := range []string{"second answered", "0"} {
		if got := wait.For(t, want, entered); got != want {
			t.Errorf("%q runs, want %q", got, want)
		}
	}
	state(2, 2)
	clients[4].conn.Close() // its event is handled when its turn comes
	wait.Until(t, "the end of a client", func() bool { return f.Stats().Clients == 4 })
	release <- struct{}{} // one place: both at once would be taken in any order
	for _, want := range []string{"1", "2"} {
		if got := wait.For(t, want, entered); got != want {
			t.Errorf("%q runs, want the one that came next, %q", got, want)
		}
		if want == "1" {
			close(release)
		}
	}
	state(0, 0)
	empty(t, "handlers", entered)
	if st := f.Stats(); st.Pending != 0 || st.PendingBytes != 0 {
		t.Errorf("%d events wait", st.Pending)
	}
}

// TestMaxHandlersTakesTurns: a socket that always has something to run leaves
// the only worker to others.
func TestMaxHandlersTakesTurns(t *testing.T) {
	entered, release := make(chan string, 10), make(chan struct{})
	f := serve(t, sio.Config{MaxHandlers: 1}, func(f *fixture) {
		sio.On(f, "block", func(_ context.Context, _ *sio.Socket, name string) error {
			entered <- name
			<-release
			return nil
		})
	})
	busy, other := f.join(t), f.join(t)
	wait.For(t, "connection", f.connected)
	wait.For(t, "connection", f.connected)
	events := uint64(0)
	send := func(w *ws, name string) {
		w.send(`42["block","` + name + `"]`)
		events++
		wait.Until(t, "the event", func() bool { return f.Stats().EventsIn == events })
	}
	send(busy, "1")
	wait.For(t, "1", entered)
	send(other, "other")
	wait.Until(t, "the other to wait", func() bool { return f.Stats().HandlersWaiting == 1 })
	send(busy, "2")
	release <- struct{}{}
	for _, want := range []string{"other", "2"} {
		if got := wait.For(t, want, entered); got != want {
			t.Errorf("%q runs, want %q", got, want)
		}
		release <- struct{}{}
	}
}

// TestMaxHandlersHolds counts handlers under load: never too many run, and none
// is forgotten.
func TestMaxHandlersHolds(t *testing.T) {
	const limit, clients, events = 3, 20, 100
	var running, most, ran atomic.Int64
	f := serve(t, sio.Config{MaxHandlers: limit, Loops: 2}, func(f *fixture) {
		sio.On(f, "e", func(context.Context, *sio.Socket, sio.None) error {
			n := running.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			ran.Add(1)
			running.Add(-1)
			return nil
		})
	})
	var all [clients]*ws
	for i := range all {
		all[i] = f.join(t)
	}
	for range events {
		for _, w := range all {
			w.send(`42["e"]`)
		}
	}
	wait.Until(t, "all events", func() bool { return ran.Load() == clients*events })
	wait.Until(t, "the workers to end", func() bool {
		st := f.Stats()
		return st.HandlersRunning == 0 && st.HandlersWaiting == 0
	})
	if most.Load() > limit {
		t.Errorf("%d handlers ran at a time, want at most %d", most.Load(), limit)
	}
}
