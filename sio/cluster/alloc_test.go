package cluster_test

import (
	"log/slog"
	"testing"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// sink is a bus, and a namespace, that does nothing.
type sink struct {
	adapter.Local
	receive func(m *cluster.Message)
}

func (*sink) Publish(*cluster.Message) error                      { return nil }
func (*sink) Close() error                                        { return nil }
func (*sink) Namespace() string                                   { return "/" }
func (*sink) Broadcast(p adapter.Packet, o adapter.Options) error { return nil }
func (*sink) AddSockets(o adapter.Options, rooms []string)        {}
func (*sink) DelSockets(o adapter.Options, rooms []string)        {}
func (*sink) DisconnectSockets(o adapter.Options, all bool)       {}
func (*sink) Sockets(adapter.Options) []adapter.Details           { return nil }
func (*sink) Describe(adapter.Options) func() []adapter.Details {
	return func() []adapter.Details { return nil }
}
func (*sink) CountSockets(adapter.Options) int                         { return 0 }
func (*sink) ServerSideEvent(p adapter.Packet, _ func(adapter.Answer)) {}

// newSink makes a node that sends heartbeats to nowhere.
func newSink(t testing.TB, cfg cluster.Config) (*sink, *cluster.Node) {
	t.Helper()
	s := new(sink)
	cfg.Logger = slog.New(slog.DiscardHandler)
	n, err := cluster.New(s, cfg, func(_ string, receive func(m *cluster.Message)) (cluster.Bus, error) {
		s.receive = receive
		return s, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, n
}

// TestBroadcastAllocs pins that a node adds nothing to what a broadcast costs.
func TestBroadcastAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	s, n := newSink(t, cluster.Config{})
	p, o := adapter.Packet{Event: "x", Args: []any{1}}, adapter.Options{Rooms: []string{"r"}}
	if got := testing.AllocsPerRun(1000, func() { _ = n.Broadcast(p, o) }); got != 0 {
		t.Errorf("sending a broadcast allocates %v times", got)
	}
	m := &cluster.Message{Type: cluster.Broadcast, UID: "x", Namespace: "/", Packet: p, Options: o}
	if got := testing.AllocsPerRun(1000, func() { s.receive(m) }); got != 0 {
		t.Errorf("receiving one allocates %v times", got)
	}
	if stats := n.Stats(); stats.Received < 1000 || stats.Published < 1000 || stats.Nodes != 1 {
		t.Errorf("%+v", stats)
	}
}

func BenchmarkBroadcast(b *testing.B) {
	_, n := newSink(b, cluster.Config{})
	p, o := adapter.Packet{Event: "x", Args: []any{1}}, adapter.Options{Rooms: []string{"r"}}
	b.ReportAllocs()
	for b.Loop() {
		_ = n.Broadcast(p, o)
	}
}

func BenchmarkReceive(b *testing.B) {
	s, _ := newSink(b, cluster.Config{})
	m := &cluster.Message{Type: cluster.Broadcast, UID: "x", Namespace: "/", Packet: adapter.Packet{Event: "x"}}
	b.ReportAllocs()
	for b.Loop() {
		s.receive(m)
	}
}
