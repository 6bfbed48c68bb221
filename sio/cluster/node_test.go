package cluster_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/dice"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// TestCalls makes every call from every node of clusters of all kinds.
func TestCalls(t *testing.T) {
	d := dice.New(t)
	random := func(_, _ string) time.Duration { return d.Duration(50 * time.Millisecond) }
	for _, tc := range []struct {
		name    string
		network func() *network
	}{
		{"counter", func() *network { return &network{counting: true} }},
		{"heartbeats", func() *network { return &network{} }},
		{"unnamed responses", func() *network { return &network{counting: true, unnamed: true} }},
		{"reordered among senders", func() *network { return &network{counting: true, delay: random} }},
		{"reordered, heartbeats", func() *network { return &network{delay: random} }},
	} {
		for count := 1; count <= 3; count++ {
			t.Run(fmt.Sprintf("%s, %d nodes", tc.name, count), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := tc.network()
					ms := w.join(t, count, cluster.Config{})
					for from := range ms.nodes {
						ms.callAll(t, from)
					}
					ms.close(t)
				})
			})
		}
	}
}

// callAll makes every call from one node.
func (ms *members) callAll(t *testing.T, from int) {
	t.Helper()
	ctx, n := t.Context(), ms.nodes[from]
	to := adapter.Options{Rooms: []string{"r"}, Except: []string{"x"}, Volatile: true, NoCompress: true}
	everywhere := func(want string) {
		t.Helper()
		time.Sleep(time.Second) // of the bubble: everything has arrived
		for i, l := range ms.locals {
			if got := l.take(); !slices.Equal(got, []string{want}) {
				t.Errorf("from %d, at %d: %q, want %q", from, i, got, want)
			}
		}
	}
	others := func(want string) {
		t.Helper()
		ms.locals[from].note("%s", want)
		everywhere(want)
	}
	noError := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}

	noError(n.Broadcast(adapter.Packet{Event: "hi", Args: []any{1, "x", []byte{7}}}, to))
	time.Sleep(time.Second)
	for i, l := range ms.locals {
		want := "cast hi 1 \"x\" [7] to [r] except [x] true true"
		if i == from {
			want = "cast hi 1 x [7] to [r] except [x] true true"
		}
		if got := l.take(); !slices.Equal(got, []string{want}) {
			t.Errorf("from %d, at %d: %q, want %q", from, i, got, want)
		}
	}
	noError(n.AddSockets(to, []string{"a", "b"}))
	everywhere("add [r] [x] to [a b]")
	noError(n.DelSockets(to, []string{"a"}))
	everywhere("del [r] [x] from [a]")
	noError(n.DisconnectSockets(to, true))
	everywhere("disconnect [r] [x] true")
	noError(n.ServerSideEmit(adapter.Packet{Event: "ev", Args: []any{1}}))
	others("event ev 1 false")

	var ids []string
	sockets, err := n.FetchSockets(ctx, adapter.Options{Rooms: []string{"r"}})
	noError(err)
	for _, d := range sockets {
		ids = append(ids, d.ID+string(d.Data)+d.Rooms[0])
	}
	slices.Sort(ids)
	total, err := n.CountSockets(ctx, adapter.Options{})
	noError(err)
	servers, err := n.ServerCount(ctx)
	noError(err)
	var want, wantAnswers, replies, wantReplies []string
	for i := range ms.locals {
		wantAnswers = append(wantAnswers, fmt.Sprintf(`"n%da"`, i), fmt.Sprintf(`"n%db"`, i))
		if i != from {
			want = append(want, fmt.Sprintf("n%db2r", i))
			wantReplies = append(wantReplies, fmt.Sprintf(`"n%d"`, i))
		}
	}
	if !slices.Equal(ids, want) || total != 2*(len(ms.nodes)-1) || servers != len(ms.nodes) {
		t.Errorf("from %d: sockets %q, %d in all, %d servers", from, ids, total, servers)
	}

	answers, err := n.ServerSideEmitAck(ctx, adapter.Packet{Event: "sum", Args: []any{1, 2}})
	noError(err)
	for _, a := range answers {
		replies = append(replies, string(a.Data))
	}
	slices.Sort(replies)
	if !slices.Equal(replies, wantReplies) {
		t.Errorf("from %d: replies %q, want %q", from, replies, wantReplies)
	}
	others("event sum 1 2 true")

	c := newCollector()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	noError(n.BroadcastAck(ctx, adapter.Packet{Event: "q"}, adapter.Options{Rooms: []string{"r"}}, c))
	c.start()
	if got, missing, ok := c.result(ctx); !ok || missing != 0 || !slices.Equal(got, wantAnswers) {
		t.Errorf("from %d: answers %q, %d missing, %v; want %q", from, got, missing, ok, wantAnswers)
	}
	everywhere("ask q to [r]")
	for i, n := range ms.nodes {
		s := n.Stats()
		if s.Lost+s.Invalid+s.Unknown+s.Dropped+s.Expired+s.Panics != 0 || s.Requests+s.Asked+s.Queued != 0 {
			t.Errorf("after the calls from %d node %d has %+v", from, i, s)
		}
	}
}
