package cluster_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// alone returns a node whose requests are lost and which takes others for
// alive.
func alone(t *testing.T, counting bool, others ...string) (w *network, ms *members) {
	w = &network{counting: counting, drop: func(string, *cluster.Message) bool { return true }}
	w.count = func(context.Context) (int, error) { return 1 + len(others), nil }
	ms = w.join(t, 1, cluster.Config{RequestTimeout: time.Minute, HeartbeatTimeout: time.Hour})
	for _, uid := range others {
		w.inject("n0", cluster.Message{Type: cluster.Heartbeat, UID: uid})
	}
	return w, ms
}

// fetched is what FetchSockets returned.
type fetched struct {
	list []adapter.Details
	err  error
}

func (ms *members) fetch(t *testing.T) chan fetched {
	c := make(chan fetched, 1)
	go func() {
		list, err := ms.nodes[0].FetchSockets(t.Context(), adapter.Options{})
		c <- fetched{list, err}
	}()
	synctest.Wait()
	return c
}

// TestForgedResponses answers a request twice, with answers of other types,
// and in the name of others.
func TestForgedResponses(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		w, ms := alone(t, w.counting, "n1", "n2")
		c := ms.fetch(t)
		answer := func(uid string) cluster.Message {
			return cluster.Message{
				Type: cluster.FetchSocketsResponse, UID: uid, RequestID: "n0-1", Sockets: []adapter.Details{{ID: "of " + uid}},
			}
		}
		bad := map[string]func(m *cluster.Message){
			"wrong type":        func(m *cluster.Message) { m.Type = cluster.ServerSideEmitResponse },
			"a count":           func(m *cluster.Message) { m.Type = cluster.BroadcastClientCount },
			"an answer":         func(m *cluster.Message) { m.Type = cluster.BroadcastAck },
			"a number only":     func(m *cluster.Message) { m.CountOnly = true },
			"unknown request":   func(m *cluster.Message) { m.RequestID = "n0-2" },
			"no request":        func(m *cluster.Message) { m.RequestID = "" },
			"again":             func(m *cluster.Message) { m.UID = "n1" },
			"to another node":   func(m *cluster.Message) { m.To = "n7" },
			"another namespace": func(m *cluster.Message) { m.Namespace = "/other" },
			"own":               func(m *cluster.Message) { m.UID = "n0" },
		}
		w.inject("n0", answer("n1"))
		for name, change := range bad {
			m := answer("n2")
			change(&m)
			w.inject("n0", m)
			synctest.Wait()
			select {
			case got := <-c:
				t.Fatalf("%s ends the request: %v", name, got)
			default:
			}
		}
		if s := ms.nodes[0].Stats(); s.Unknown != 7 || s.Requests != 1 {
			t.Errorf("%+v", s)
		}
		w.inject("n0", answer("n2"))
		if got := <-c; got.err != nil || len(got.list) != 2 || got.list[1].ID != "of n2" {
			t.Errorf("got %v", got)
		}
		ms.close(t)
	})
}

// TestStranger has nodes answer that were not known when the request was made.
func TestStranger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ms := alone(t, false, "n1")
		c := ms.fetch(t)
		answer := func(uid string) {
			w.inject("n0", cluster.Message{
				Type: cluster.FetchSocketsResponse, UID: uid, RequestID: "n0-1", Sockets: []adapter.Details{{ID: "of " + uid}},
			})
		}
		answer("stranger")
		answer("stranger")
		if s := ms.nodes[0].Stats(); s.Requests != 1 || s.Nodes != 2 || s.Unknown != 1 {
			t.Errorf("%+v", s)
		}
		answer("n1")
		if got := <-c; got.err != nil || len(got.list) != 2 {
			t.Errorf("got %v", got)
		}
		c = ms.fetch(t)
		w.inject("n0", cluster.Message{Type: cluster.FetchSocketsResponse, RequestID: "n0-2"})
		w.inject("n0", cluster.Message{Type: cluster.FetchSocketsResponse, RequestID: "n0-2"})
		if got := <-c; got.err != nil || len(got.list) != 0 {
			t.Errorf("unnamed: got %v", got)
		}
		ms.close(t)
	})
}

// question has the first node, which has no clients, broadcast an event with
// acknowledgements.
func (ms *members) question(t *testing.T) *collector {
	t.Helper()
	ms.locals[0].clients = nil
	c := newCollector()
	if err := ms.nodes[0].BroadcastAck(t.Context(), adapter.Packet{Event: "q"}, adapter.Options{}, c); err != nil {
		t.Fatal(err)
	}
	c.start()
	return c
}

// TestForgedAcks has nodes answer for more clients than they have announced.
func TestForgedAcks(t *testing.T) {
	kinds(t, func(t *testing.T, w *network) {
		w, ms := alone(t, w.counting, "n1", "n2")
		c := ms.question(t)
		unknown := uint64(0)
		say := func(uid string, kind cluster.MessageType, clients int, wanted bool) {
			t.Helper()
			w.inject("n0", cluster.Message{
				Type: kind, UID: uid, RequestID: "n0-1", ClientCount: clients, Answer: adapter.Answer{Data: []byte(`"` + uid + `"`)},
			})
			if !wanted {
				unknown++
			}
			if s := ms.nodes[0].Stats(); s.Unknown != unknown || s.Requests != 1 {
				t.Errorf("%d of %s: %+v, want %d unknown", kind, uid, s, unknown)
			}
			select {
			case <-c.done:
				t.Errorf("%d of %s ends the waiting", kind, uid)
			default:
			}
		}
		say("n1", cluster.BroadcastAck, 0, false)
		say("n1", cluster.BroadcastClientCount, -1, false)
		say("n1", cluster.BroadcastClientCount, 1, true)
		say("n1", cluster.BroadcastClientCount, 9, false)
		say("n1", cluster.FetchSocketsResponse, 9, false)
		say("n1", cluster.BroadcastAck, 0, true)
		say("n1", cluster.BroadcastAck, 0, false)
		say("n2", cluster.BroadcastClientCount, 1, true)
		say("n1", cluster.BroadcastAck, 0, false)
		w.inject("n0", cluster.Message{Type: cluster.BroadcastAck, UID: "n2", RequestID: "n0-1"})
		if answers, missing, complete := c.result(t.Context()); len(answers) != 2 || missing != 0 || !complete {
			t.Errorf("answers %q, %d missing", answers, missing)
		}
		ms.close(t)
	})
}

// TestHugeCount has a node announce more clients than there can be and leave:
// what it costs must not depend on the number.
func TestHugeCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ms := alone(t, false, "n1")
		c := ms.question(t)
		const huge = min(1<<40, math.MaxInt>>8) // the most that is accepted
		w.inject("n0", cluster.Message{Type: cluster.BroadcastClientCount, UID: "n1", RequestID: "n0-1", ClientCount: huge})
		w.inject("n0", cluster.Message{Type: cluster.AdapterClose, UID: "n1"})
		if _, missing, complete := c.result(t.Context()); missing != huge || !complete {
			t.Errorf("%d missing, %v", missing, complete)
		}
		ms.close(t)
	})
}
