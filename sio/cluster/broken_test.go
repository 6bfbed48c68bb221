package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/dice"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// TestBrokenBus makes all calls on a bus that takes nothing.
func TestBrokenBus(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		ms := w.join(t, 2, cluster.Config{})
		n, l, ctx := ms.nodes[0], ms.locals[0], t.Context()
		full := errors.New("full")
		w.refuse("n0", full)
		start := time.Now()

		if err := n.Broadcast(adapter.Packet{Event: "x"}, adapter.Options{}); err != nil {
			t.Error(err)
		}
		for _, err := range []error{
			n.AddSockets(adapter.Options{}, []string{"r"}), n.DelSockets(adapter.Options{}, []string{"r"}),
			n.DisconnectSockets(adapter.Options{}, false), n.ServerSideEmit(adapter.Packet{Event: "ev"}),
		} {
			if err != full {
				t.Errorf("got %v", err)
			}
		}
		if got := l.take(); len(got) != 4 {
			t.Errorf("%q was done here, want four things", got)
		}
		var partial *cluster.ResponseError
		_, err := n.FetchSockets(ctx, adapter.Options{})
		if !errors.As(err, &partial) || partial.Received != 0 || partial.Expected != 1 || !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
		if _, err := n.ServerSideEmitAck(ctx, adapter.Packet{Event: "ev"}); !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
		c := newCollector()
		if err := n.BroadcastAck(ctx, adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
			t.Error(err)
		}
		c.start()
		if answers, missing, complete := c.result(ctx); len(answers) != 2 || missing != 1 || !complete || c.why != full {
			t.Errorf("answers %q, %d missing: %v", answers, missing, c.why)
		}
		if took := time.Since(start); took != 10*time.Millisecond { // of its own client
			t.Errorf("it took %v", took)
		}
		if s := n.Stats(); s.Lost != 8 || s.Requests != 0 {
			t.Errorf("%+v", s)
		}
		w.refuse("n0", nil)
		ms.close(t)
	})
}

// TestUnencodable gives all calls what has no form on the wire: nothing is
// done.
func TestUnencodable(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		ms := w.join(t, 2, cluster.Config{})
		n, ctx := ms.nodes[0], t.Context()
		bad := adapter.Packet{Event: "x", Args: []any{make(chan int)}}
		_, asked := n.ServerSideEmitAck(ctx, bad)
		for _, err := range []error{
			n.Broadcast(bad, adapter.Options{}), n.BroadcastAck(ctx, bad, adapter.Options{}, newCollector()),
			n.ServerSideEmit(bad), asked,
		} {
			if !errors.Is(err, cluster.ErrUnencodable) {
				t.Errorf("got %v", err)
			}
		}
		if s := n.Stats(); len(ms.locals[0].take()) != 0 || s.Lost != 0 || s.Requests != 0 {
			t.Errorf("%+v", s)
		}
		ms.close(t)
	})
}

// TestRefused has a bus whose queue is full, and one for smaller messages. No
// client gets the broadcast, and the caller gets the error.
func TestRefused(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		ms := w.join(t, 2, cluster.Config{})
		for _, want := range []error{cluster.ErrOverloaded, cluster.ErrTooLarge} {
			refusal := fmt.Errorf("%w: full", want)
			if want == cluster.ErrTooLarge {
				refusal = fmt.Errorf("%w: %w", cluster.ErrUnencodable, want)
			}
			w.refuse("n0", refusal)
			if err := ms.nodes[0].Broadcast(adapter.Packet{Event: "x"}, adapter.Options{}); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		w.refuse("n0", nil)
		if got := ms.locals[0].take(); len(got) != 0 {
			t.Errorf("delivered here: %q", got)
		}
		ms.close(t)
	})
}

// TestCountFails has the bus not know how many nodes there are.
func TestCountFails(t *testing.T) {
	broken := errors.New("broken")
	for _, tc := range []struct {
		name  string
		count func(ctx context.Context) (int, error)
		want  error
		took  time.Duration
	}{
		{"error", func(context.Context) (int, error) { return 0, broken }, broken, 0},
		{"hangs", func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}, cluster.ErrTimeout, 5 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &network{counting: true}
				ms := w.join(t, 2, cluster.Config{})
				w.count = tc.count
				n, ctx := ms.nodes[0], t.Context()
				start := time.Now()
				if _, err := n.ServerCount(ctx); !errors.Is(err, tc.want) || time.Since(start) != tc.took {
					t.Errorf("got %v after %v", err, time.Since(start))
				}
				if got := <-ms.fetch(t); !errors.Is(got.err, tc.want) {
					t.Errorf("got %v", got.err)
				}
				c := newCollector()
				done := make(chan error, 1)
				go func() { done <- n.BroadcastAck(ctx, adapter.Packet{Event: "q"}, adapter.Options{}, c) }()
				time.Sleep(time.Millisecond)
				if got := ms.locals[0].take(); len(got) != 1 {
					t.Errorf("%q was done here", got)
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
				c.start()
				answers, missing, complete := c.result(ctx)
				// When it takes long to fail the others have answered before;
				// else perhaps.
				want := map[bool]int{true: 4, false: 2}[tc.took > 0]
				if len(answers) < want || missing < 1 || tc.took > 0 && missing != 1 || !complete || !errors.Is(c.why, tc.want) {
					t.Errorf("answers %q, %d missing: %v", answers, missing, c.why)
				}
				if tc.took > 0 { // the context ends before, and acks learns of both
					ctx, cancel := context.WithTimeout(ctx, time.Second)
					defer cancel()
					c, start := newCollector(), time.Now()
					if err := n.BroadcastAck(ctx, adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
						t.Error(err)
					}
					c.start()
					<-c.done
					if time.Since(start) != time.Second || !errors.Is(c.why, cluster.ErrTimeout) {
						t.Errorf("over after %v: %v", time.Since(start), c.why)
					}
				}
				w.count = nil
				time.Sleep(time.Second)
				ms.close(t)
			})
		})
	}
}

// TestClose closes a node while requests wait for answers, and handlers run.
func TestClose(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		w.drop = deafTo("n1", cluster.FetchSockets, cluster.Broadcast)
		ms := w.join(t, 2, cluster.Config{Handlers: 1})
		n, ctx := ms.nodes[0], t.Context()
		release := make(chan struct{})
		ms.locals[0].event = func(p adapter.Packet, reply func(adapter.Answer)) {
			<-release
			reply(adapter.Answer{})
		}
		for _, id := range []string{"1", "2"} {
			w.inject("n0", cluster.Message{Type: cluster.ServerSideEmit, UID: "n1", RequestID: id})
		}
		c := newCollector()
		if err := n.BroadcastAck(ctx, adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
			t.Fatal(err)
		}
		c.start()
		fetch := ms.fetch(t)
		time.Sleep(time.Second)
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if got := <-fetch; !errors.Is(got.err, cluster.ErrClosed) {
			t.Errorf("got %v", got.err)
		}
		if answers, missing, complete := c.result(ctx); len(answers) != 2 || missing != 1 || !complete {
			t.Errorf("answers %q, %d missing, %v", answers, missing, complete)
		}
		if s := n.Stats(); s.Dropped != 1 || s.Queued != 0 {
			t.Errorf("%+v", s)
		}
		published := n.Stats().Published
		if err := n.Broadcast(adapter.Packet{Event: "x"}, adapter.Options{}); err != nil {
			t.Error(err)
		}
		if err := n.AddSockets(adapter.Options{}, nil); !errors.Is(err, cluster.ErrClosed) {
			t.Errorf("got %v", err)
		}
		_, err := n.ServerSideEmitAck(ctx, adapter.Packet{Event: "x"})
		_, err2 := n.ServerCount(ctx)
		err3 := n.BroadcastAck(ctx, adapter.Packet{Event: "x"}, adapter.Options{}, newCollector())
		for _, err := range []error{err, err2, err3} {
			if !errors.Is(err, cluster.ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
		close(release)
		synctest.Wait()
		if s := n.Stats(); s.Published != published {
			t.Errorf("%d messages after Close", s.Published-published)
		}
		ms.close(t)
	})
}

// TestCloseInTraffic closes nodes while they are used: the bus is never called
// after it was closed.
func TestCloseInTraffic(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		ms := w.join(t, 3, cluster.Config{})
		var users sync.WaitGroup
		for i := range 8 {
			n := ms.nodes[i%2]
			users.Go(func() {
				for range 200 {
					_ = n.Broadcast(adapter.Packet{Event: "x"}, adapter.Options{})
					_, _ = n.CountSockets(t.Context(), adapter.Options{})
				}
			})
		}
		time.Sleep(0)
		for _, n := range ms.nodes[:2] {
			users.Go(func() {
				if err := n.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		users.Wait()
		if late := w.late(); late != 0 {
			t.Errorf("%d messages were published after Close", late)
		}
		ms.close(t)
	})
}

// TestConcurrent makes all kinds of requests at once, over a network that
// delays and repeats: each gets its own answers, each once.
func TestConcurrent(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		d := dice.New(t)
		w.copies = 2
		w.delay = func(_, _ string) time.Duration { return d.Duration(20 * time.Millisecond) }
		ms := w.join(t, 3, cluster.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var users sync.WaitGroup
		for i := range 60 {
			n := ms.nodes[i%3]
			users.Go(func() {
				for range 10 {
					list, err := n.FetchSockets(ctx, adapter.Options{})
					if err != nil || len(list) != 4 {
						t.Errorf("%v, %v", list, err)
					}
					if count, err := n.CountSockets(ctx, adapter.Options{}); err != nil || count != 4 {
						t.Errorf("%d, %v", count, err)
					}
					answers, err := n.ServerSideEmitAck(ctx, adapter.Packet{Event: "ev"})
					if err != nil || len(answers) != 2 {
						t.Errorf("%v, %v", answers, err)
					}
					c := newCollector()
					if err := n.BroadcastAck(ctx, adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
						t.Error(err)
					}
					c.start()
					if answers, missing, complete := c.result(ctx); len(answers) != 6 || missing != 0 || !complete {
						t.Errorf("%q, %d missing, %v", answers, missing, complete)
					}
				}
			})
		}
		users.Wait()
		ms.close(t)
	})
}

// TestLoss loses every third message: each call ends, and reports the missing
// answers.
func TestLoss(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		d := dice.New(t)
		w.drop = func(string, *cluster.Message) bool { return d.Int(3) == 0 }
		ms := w.join(t, 3, cluster.Config{})
		var users sync.WaitGroup
		for i := range 30 {
			n := ms.nodes[i%3]
			users.Go(func() {
				for range 10 {
					list, err := n.FetchSockets(t.Context(), adapter.Options{})
					var partial *cluster.ResponseError
					if errors.As(err, &partial) && len(list) != 2*partial.Received || err == nil && w.counting && len(list) != 4 {
						t.Errorf("%d sockets, %v", len(list), err)
					}
					c := newCollector()
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					if err := n.BroadcastAck(ctx, adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
						t.Error(err)
					}
					c.start()
					if answers, _, complete := c.result(ctx); complete && w.counting && len(answers) != 6 {
						t.Errorf("%q is complete", answers)
					}
					cancel()
				}
			})
		}
		users.Wait()
		ms.close(t)
	})
}

// TestNew has nodes that can't be opened.
func TestNew(t *testing.T) {
	broken := errors.New("broken")
	var receive func(*cluster.Message)
	_, err := cluster.New(newLocal("x"), cluster.Config{}, func(_ string, r func(*cluster.Message)) (cluster.Bus, error) {
		receive = r
		return nil, broken
	})
	if err != broken {
		t.Errorf("got %v", err)
	}
	receive(&cluster.Message{Type: cluster.InitialHeartbeat, UID: "x", Namespace: "/"})
	for _, cfg := range []cluster.Config{
		{RequestTimeout: -1}, {Handlers: -1}, {MaxQueued: -1}, {MaxRequests: -1}, {MaxAnswerBytes: -1},
		{HeartbeatInterval: time.Minute}, {UID: func() string { return "" }},
	} {
		if _, err := cluster.New(newLocal("x"), cfg, new(network).open); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
	ids := []string{cluster.NewUID(), cluster.NewUID()}
	if slices.Sort(ids); len(ids[0]) != 16 || ids[0] == ids[1] {
		t.Errorf("ids %q", ids)
	}
}
