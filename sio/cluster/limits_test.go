package cluster_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// TestTooManyRequests makes more requests than may wait.
func TestTooManyRequests(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		w.drop = deafTo("n1", cluster.FetchSockets, cluster.Broadcast)
		ms := w.join(t, 2, cluster.Config{MaxRequests: 2})
		n := ms.nodes[0]
		one := ms.fetch(t)
		c := newCollector()
		if err := n.BroadcastAck(t.Context(), adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
			t.Fatal(err)
		}
		ms.locals[0].take()
		if _, err := n.CountSockets(t.Context(), adapter.Options{}); !errors.Is(err, cluster.ErrTooManyRequests) {
			t.Errorf("got %v", err)
		}
		err := n.BroadcastAck(t.Context(), adapter.Packet{Event: "q"}, adapter.Options{}, newCollector())
		if !errors.Is(err, cluster.ErrTooManyRequests) || len(ms.locals[0].take()) != 0 {
			t.Errorf("got %v", err)
		}
		if got := <-one; !errors.Is(got.err, cluster.ErrTimeout) {
			t.Errorf("got %v", got.err)
		}
		two := ms.fetch(t)
		if got := <-two; !errors.Is(got.err, cluster.ErrTimeout) {
			t.Errorf("got %v", got.err)
		}
		ms.close(t)
	})
}

// TestTooManyAsked has other nodes ask for more acknowledgements than are
// collected.
func TestTooManyAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &network{counting: true}
		ms := w.join(t, 1, cluster.Config{MaxRequests: 2})
		ms.locals[0].clients = []client{{}}
		ask := func() {
			w.inject("n0", cluster.Message{Type: cluster.Broadcast, UID: "x", RequestID: "1"})
		}
		for range 5 {
			ask()
		}
		if s := ms.nodes[0].Stats(); s.Asked != 2 || s.Dropped != 3 || len(ms.locals[0].take()) != 2 {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Minute + 1)
		ask()
		if s := ms.nodes[0].Stats(); s.Asked != 1 || s.Dropped != 3 {
			t.Errorf("%+v", s)
		}
		ms.close(t)
	})
}

// TestBlockedHandlers has handlers of ServerSideEmit block: others wait and are
// dropped, nothing else is held up.
func TestBlockedHandlers(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		ms := w.join(t, 2, cluster.Config{Handlers: 2, MaxQueued: 3})
		release := make(chan struct{})
		ms.locals[1].event = func(adapter.Packet, func(adapter.Answer)) { <-release }
		for range 10 {
			if err := ms.nodes[0].ServerSideEmit(adapter.Packet{Event: "ev"}); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if s := ms.nodes[1].Stats(); s.Queued != 3 || s.Dropped != 5 || len(ms.locals[1].take()) != 2 {
			t.Errorf("%+v", s)
		}
		if n, err := ms.nodes[0].CountSockets(t.Context(), adapter.Options{}); n != 2 || err != nil {
			t.Errorf("%d sockets, %v", n, err)
		}
		_ = ms.nodes[0].Broadcast(adapter.Packet{Event: "x"}, adapter.Options{})
		synctest.Wait()
		if got := ms.locals[1].take(); len(got) != 1 {
			t.Errorf("%q was delivered", got)
		}
		close(release)
		synctest.Wait()
		if s := ms.nodes[1].Stats(); s.Queued != 0 || len(ms.locals[1].take()) != 3 {
			t.Errorf("%+v", s)
		}
		ms.close(t)
	})
}

// TestHugeAnswers has nodes answer with more than is held.
func TestHugeAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &network{counting: true}
		ms := w.join(t, 3, cluster.Config{MaxAnswerBytes: 10_000})
		ms.locals[2].sockets[0].Data = []byte(`"` + strings.Repeat("x", 10_000) + `"`)
		for range 10 { // what is held is given back
			got := <-ms.fetch(t)
			var partial *cluster.ResponseError
			if !errors.As(got.err, &partial) || partial.Received > 1 || partial.Expected != 2 || !errors.Is(got.err, cluster.ErrAnswersTooLarge) {
				t.Errorf("got %v", got.err)
			}
		}
		if n, err := ms.nodes[0].CountSockets(t.Context(), adapter.Options{}); n != 4 || err != nil {
			t.Errorf("%d sockets, %v", n, err)
		}
		if s := ms.nodes[0].Stats(); s.Dropped != 10 {
			t.Errorf("%+v", s)
		}
		// Two servers' answers are too much, and so are three of one for
		// itself.
		long := strings.Repeat("x", 4000)
		ms.locals[0].clients = nil
		for i := range 10 {
			ms.locals[1].clients, ms.locals[2].clients = []client{{answer: long}, {answer: long}}, []client{{answer: long}, {answer: long}}
			want := cluster.ErrAnswersTooLarge
			if i%2 == 0 {
				ms.locals[1].clients, ms.locals[2].clients = append(ms.locals[1].clients, client{answer: long}), nil
				want = cluster.ErrTimeout
			}
			c := newCollector()
			if err := ms.nodes[0].BroadcastAck(t.Context(), adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
				t.Fatal(err)
			}
			c.start()
			answers, missing, complete := c.result(t.Context())
			if len(answers) != 2 || missing == 0 || !complete || !errors.Is(c.why, want) {
				t.Errorf("%d answers, %d missing: %v", len(answers), missing, c.why)
			}
			// A server gives back what it holds when it is told that the
			// request has ended.
			synctest.Wait()
		}
		ms.close(t)
	})
}

// TestPanics has what a namespace does for others panic, or end its goroutine.
func TestPanics(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		ms := w.join(t, 2, cluster.Config{Handlers: 1})
		ms.locals[1].event = func(p adapter.Packet, reply func(adapter.Answer)) {
			switch p.Event {
			case "panic":
				panic("told to")
			case "exit":
				runtime.Goexit()
			}
		}
		events := []string{"panic", "exit", "panic", "exit", "exit", "fine"}
		var want []string
		for _, event := range events {
			want = append(want, "event "+event+" false")
			_ = ms.nodes[0].ServerSideEmit(adapter.Packet{Event: event})
		}
		synctest.Wait()
		if got := ms.locals[1].take(); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		w.inject("n1", cluster.Message{Type: cluster.Broadcast, UID: "n0", Packet: adapter.Packet{Event: "panic"}})
		w.inject("n1", cluster.Message{Type: 99, UID: "n0"})
		w.inject("n1", cluster.Message{Type: cluster.FetchSockets, UID: "n0"})
		if s := ms.nodes[1].Stats(); s.Panics != 3 || s.Invalid != 2 {
			t.Errorf("%+v", s)
		}
		ms.close(t)
	})
}
