package interop

import (
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// TestClusterRecovery has a client lose its connection to one server and come
// back to another one, of the same kind or the other, in both directions. It
// keeps its id, rooms and data, and gets the events that it has missed.
func TestClusterRecovery(t *testing.T) {
	nodes, clients := newCluster(t), newDriver(t)
	for _, kinds := range [][2]string{{"go", "node"}, {"go", "go"}, {"node", "node"}} {
		t.Run(kinds[0]+" and "+kinds[1], func(t *testing.T) {
			tb := &table{t: t, nodes: nodes, clients: clients, adapter: "streams"}
			defer tb.in(clients.t)
			tb.in(t)
			r := redistest.Start(t)
			v := streams("streams", redisadapter.StreamsConfig{})
			start := func(kind, name string) member {
				name = kinds[0] + kinds[1] + name
				if kind == "go" {
					return serveMember(t, name, false, sio.Config{ConnectionStateRecovery: &sio.Recovery{}}, v.join(t, r).Adapter)
				}
				return nodes.serve(nodeOptions{Client: name, Adapter: "streams", Redis: r.URL(), Server: map[string]any{
					"connectionStateRecovery": map[string]any{"maxDisconnectionDuration": 60_000},
				}})
			}
			tb.a, tb.b = start(kinds[0], "x"), start(kinds[1], "y")
			tb.actor = tb.a
			s := tb.sit(tb.a, "1", map[string]any{"reconnection": false})
			tb.reach(tb.b, target{}, s)
			tb.do(tb.a, "join", target{Rooms: []string{s.id}, Local: true}, "room")
			for range 2 {
				tb.comeBack(r, s)
				tb.swap()
			}
		})
	}
}

// comeBack lets a client of a lose its connection and come back to b.
func (tb *table) comeBack(r *redistest.Server, s *seat) {
	tb.t.Helper()
	s.move(tb.b.url())
	tb.clients.tell(command{Do: "drop", Client: s.name})
	s.expect("disconnect")
	wait.Until(tb.t, "the session is kept", func() bool { return len(r.Client.Keys(tb.t.Context(), "sio:session:*").Val()) == 1 })

	var want []event
	for _, m := range []member{tb.b, tb.a, tb.b} {
		length := r.Client.XLen(tb.t.Context(), "socket.io").Val()
		for _, e := range []struct {
			to     target
			missed bool
		}{
			{target{Rooms: []string{"room"}}, true},
			{target{}, true},
			{target{Rooms: []string{"elsewhere"}}, false},
			{target{Rooms: []string{"room"}, Except: []string{s.id}}, false},
			{target{Rooms: []string{s.id, "elsewhere"}}, true},
		} {
			args := []any{m.name(), len(want), bytes(1, byte(len(want)))}
			if e.missed {
				want = append(want, event{"missed", args})
			}
			tb.do(m, "emit", e.to, append([]any{"missed"}, args...)...)
		}
		wait.Until(tb.t, "all is in the stream", func() bool { return r.Client.XLen(tb.t.Context(), "socket.io").Val() == length+5 })
	}

	tb.clients.tell(command{Do: "connect", Client: s.name})
	back := s.expect("connect")
	if recovered := string(back.Args[0]); back.Text != s.id || recovered != "true" {
		tb.t.Fatalf("%s is back as %s, recovered: %s", s.id, back.Text, recovered)
	}
	for _, m := range []member{tb.a, tb.b} {
		want = append(want, event{"now", []any{m.name()}})
		tb.do(m, "emit", target{Rooms: []string{"room"}}, "now", m.name())
		got, last, ok := s.take(s.name, "event", wait.Patience, named("now"))
		if got = append(got, last); !ok || !equal(got, want) {
			tb.t.Fatalf("the client got %s, want %v", written(got), want)
		}
		want = nil
	}
	s.at = tb.b
	d := tb.fetch(tb.a, target{})[s.id]
	if !alike(packed(d.Data), []any{map[string]any{"name": s.name, "nested": []any{1, nil}}}) || len(d.Rooms) != 2 {
		tb.t.Errorf("the client is back with data %v, in %v", d.Data, d.Rooms)
	}
}
