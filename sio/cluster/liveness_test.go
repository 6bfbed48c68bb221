package cluster_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// TestHeartbeats watches two nodes that say nothing of their own.
func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(network)
		ms := w.join(t, 2, cluster.Config{})
		for i, n := range ms.nodes {
			// n0: initial, and the answer to n1's; n1: initial only.
			if s := n.Stats(); s.Nodes != 1 || s.Published != uint64(2-i) {
				t.Errorf("node %d: %+v", i, s)
			}
		}
		time.Sleep(time.Minute)
		for i, n := range ms.nodes {
			if s := n.Stats(); s.Nodes != 1 || s.Published != uint64(2-i)+12 || s.Expired != 0 {
				t.Errorf("node %d after a minute: %+v", i, s)
			}
		}
		// A node that says other things sends no heartbeats, and is alive.
		before := ms.nodes[0].Stats().Published
		for range 60 {
			_ = ms.nodes[0].Broadcast(adapter.Packet{Event: "x"}, adapter.Options{})
			time.Sleep(time.Second)
		}
		if s := ms.nodes[0].Stats(); s.Published != before+60 {
			t.Errorf("%d messages, want the 60 broadcasts alone", s.Published-before)
		}
		if s := ms.nodes[1].Stats(); s.Nodes != 1 || s.Expired != 0 {
			t.Errorf("%+v", s)
		}
		if err := ms.nodes[1].Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if s := ms.nodes[0].Stats(); s.Nodes != 0 || s.Expired != 0 {
			t.Errorf("after the other one has left: %+v", s)
		}
		if n, err := ms.nodes[0].ServerCount(t.Context()); n != 1 || err != nil {
			t.Errorf("%d servers, %v", n, err)
		}
		ms.nodes = ms.nodes[:1]
		ms.close(t)
	})
}

// TestAnswersAreNoHeartbeats has two nodes answer a third one every second:
// they hear nothing of each other's answers, and know that both are alive.
func TestAnswersAreNoHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ms := new(network).join(t, 3, cluster.Config{})
		for range 60 {
			if _, err := ms.nodes[0].CountSockets(t.Context(), adapter.Options{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		for i, n := range ms.nodes {
			if s := n.Stats(); s.Nodes != 2 || s.Expired != 0 {
				t.Errorf("node %d: %+v", i, s)
			}
		}
		ms.close(t)
	})
}

// TestSilence has a node fall silent and come back.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(network)
		ms := w.join(t, 1, cluster.Config{})
		n := ms.nodes[0]
		w.inject("n0", cluster.Message{Type: cluster.Heartbeat, UID: "x"})
		time.Sleep(9 * time.Second)
		w.inject("n0", cluster.Message{Type: cluster.Broadcast, UID: "x"})
		time.Sleep(10*time.Second - 1)
		if s := n.Stats(); s.Nodes != 1 {
			t.Errorf("%+v", s)
		}
		time.Sleep(2 * time.Nanosecond)
		if s := n.Stats(); s.Nodes != 0 || s.Expired != 1 {
			t.Errorf("%+v", s)
		}
		for _, uid := range []string{cluster.EmitterUID, "", "n0"} {
			w.inject("n0", cluster.Message{Type: cluster.Broadcast, UID: uid})
			if s := n.Stats(); s.Nodes != 0 {
				t.Errorf("%q counts as a node", uid)
			}
		}
		w.inject("n0", cluster.Message{Type: cluster.InitialHeartbeat, UID: "x"})
		if s := n.Stats(); s.Nodes != 1 {
			t.Errorf("%+v", s)
		}
		ms.close(t)
	})
}

// TestDeath has a node die while its answers are awaited.
func TestDeath(t *testing.T) {
	for _, quiet := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := &network{drop: deafTo("n2", cluster.FetchSockets)}
			ms := w.join(t, 3, cluster.Config{RequestTimeout: time.Minute, AckTimeout: time.Minute})
			ms.locals[2].clients = append(ms.locals[2].clients, client{})
			fetch := ms.fetch(t)
			told := newCollector()
			if err := ms.nodes[0].BroadcastAck(t.Context(), adapter.Packet{Event: "q"}, adapter.Options{}, told); err != nil {
				t.Fatal(err)
			}
			told.start()
			time.Sleep(time.Second)
			w.mu.Lock()
			w.drop = deafTo("n2", cluster.Broadcast)
			w.mu.Unlock()
			untold := newCollector()
			if err := ms.nodes[0].BroadcastAck(t.Context(), adapter.Packet{Event: "q"}, adapter.Options{}, untold); err != nil {
				t.Fatal(err)
			}
			untold.start()
			time.Sleep(time.Second)
			if s := ms.nodes[0].Stats(); s.Requests != 3 {
				t.Errorf("%+v", s)
			}
			start, limit := time.Now(), time.Duration(0)
			if quiet {
				w.cut("n2")
				limit = 10 * time.Second
			} else if err := ms.nodes[2].Close(); err != nil {
				t.Error(err)
			}
			if got := <-fetch; got.err != nil || len(got.list) != 2 {
				t.Errorf("fetched %v", got)
			}
			if answers, missing, complete := told.result(t.Context()); len(answers) != 6 || missing != 1 || !complete {
				t.Errorf("answers %q, %d missing, %v", answers, missing, complete)
			}
			if answers, missing, complete := untold.result(t.Context()); len(answers) != 4 || missing != 0 || !complete {
				t.Errorf("answers %q, %d missing, %v", answers, missing, complete)
			}
			if took := time.Since(start); took > limit {
				t.Errorf("it took %v", took)
			}
			if s := ms.nodes[0].Stats(); s.Requests != 0 || s.Nodes != 1 {
				t.Errorf("%+v", s)
			}
			ms.close(t)
		})
	}
}

// TestManyNodes invents more nodes than are kept.
func TestManyNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(network)
		ms := w.join(t, 1, cluster.Config{})
		for i := range 5000 {
			w.inject("n0", cluster.Message{Type: cluster.Heartbeat, UID: fmt.Sprint("x", i)})
		}
		w.inject("n0", cluster.Message{Type: cluster.Heartbeat, UID: strings.Repeat("x", 129)})
		w.inject("n0", cluster.Message{Type: cluster.FetchSockets, UID: "x1", RequestID: strings.Repeat("x", 129)})
		if s := ms.nodes[0].Stats(); s.Nodes != 4096 || s.Dropped != 5000-4096 || s.Invalid != 2 {
			t.Errorf("%+v", s)
		}
		time.Sleep(11 * time.Second)
		if s := ms.nodes[0].Stats(); s.Nodes != 0 || s.Expired != 4096 {
			t.Errorf("%+v", s)
		}
		ms.close(t)
	})
}
