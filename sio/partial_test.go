package sio_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestPartialResults: when some servers are silent, a request returns what the
// others have answered, this one included, and an error that counts.
func TestPartialResults(t *testing.T) {
	w := &wires{t: t}
	one := serve(t, sio.Config{Adapter: w.connect}, echo)
	two := serve(t, sio.Config{Adapter: w.connect}, func(f *fixture) {
		echo(f)
		f.OnServerEvent("ask", func(e *sio.ServerEvent) {
			if err := e.Ack("two"); err != nil {
				t.Error(err)
			}
		})
	})
	for range 2 {
		serve(t, sio.Config{Adapter: w.deaf}, nil)
	}
	var ids []string
	clients := []*ws{one.join(t), two.join(t)}
	for _, f := range []*fixture{one, two} {
		ids = append(ids, wait.For(t, "socket", f.connected).ID())
	}
	slices.Sort(ids)
	check := func(what string, err, want error) {
		t.Helper()
		var servers *sio.ServersError
		if !errors.As(err, &servers) || servers.Answered != 1 || servers.Asked != 3 || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: the error is %v", what, err)
		}
	}
	for _, tc := range []struct {
		what string
		to   sio.BroadcastOperator
		ctx  func() (context.Context, context.CancelFunc)
		want error
	}{
		{"adapter's time", one.To(), func() (context.Context, context.CancelFunc) { return t.Context(), func() {} }, context.DeadlineExceeded},
		{"Timeout", one.Timeout(50 * time.Millisecond), func() (context.Context, context.CancelFunc) { return t.Context(), func() {} }, sio.ErrTimeout},
		{"context", one.To(), func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 50*time.Millisecond)
		}, context.DeadlineExceeded},
	} {
		ctx, cancel := tc.ctx()
		sockets, err := tc.to.FetchSockets(ctx)
		check(tc.what, err, tc.want)
		var got []string
		for _, s := range sockets {
			got = append(got, s.ID())
		}
		if slices.Sort(got); !slices.Equal(got, ids) {
			t.Errorf("%s: fetched %q, want %q", tc.what, got, ids)
		}
		cancel()

		ctx, cancel = tc.ctx()
		got, err = tc.to.AllSockets(ctx)
		check(tc.what, err, tc.want)
		if slices.Sort(got); !slices.Equal(got, ids) {
			t.Errorf("%s: all are %q, want %q", tc.what, got, ids)
		}
		cancel()

		ctx, cancel = tc.ctx()
		n, err := tc.to.CountSockets(ctx)
		check(tc.what, err, tc.want)
		if n != 2 {
			t.Errorf("%s: counted %d", tc.what, n)
		}
		cancel()
	}

	var partial *sio.AckError
	answers, err := one.ServerSideEmitAck(t.Context(), "ask")
	if !errors.As(err, &partial) || partial.Missing != 2 || len(answers) != 1 || string(answers[0].Raw(0)) != `"two"` {
		t.Errorf("server side: %v, %v", answers, err)
	}
	waiting, cancel := context.WithCancel(t.Context())
	c := make(chan answersOf, 1)
	go func() {
		list, err := one.EmitAck(waiting, "q")
		c <- answersOf{len(list), err}
	}()
	for _, w := range clients {
		w.want(`420["q"]`)
		w.send(`430["a"]`)
		w.alive() // the acknowledgement before it has been handled
	}
	cancel()
	got := wait.For(t, "answers", c)
	// It may not have counted the servers yet: then one stands for all.
	if !errors.As(got.err, &partial) || partial.Missing < 1 || partial.Missing > 2 || got.n != 2 || !errors.Is(got.err, context.Canceled) {
		t.Errorf("broadcast: %+v", got)
	}
}

type answersOf struct {
	n   int
	err error
}
