package cluster

import (
	"log/slog"
	"testing"
	"time"
)

// TestSweepAfterStop: a process that was stopped for longer than nodes may be
// silent does not count them as dead before it has read their messages.
func TestSweepAfterStop(t *testing.T) {
	cfg, err := Config{Logger: slog.New(slog.DiscardHandler)}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{cfg: cfg}
	long := time.Now().Add(-time.Hour)
	n.live.nodes = map[string]time.Time{"silent": long, "heard": long}
	n.live.sweeping = time.NewTimer(time.Hour)
	defer n.live.stop()
	n.live.due = long
	n.sweep()
	if n.live.len() != 2 {
		t.Error("nodes are taken for dead at once")
	}
	if rest := time.Until(n.live.due); rest <= 0 || rest > cfg.HeartbeatInterval {
		t.Errorf("the next look is in %v", rest)
	}
	n.heard("heard")
	n.live.due = time.Now()
	n.sweep()
	if _, known := n.live.nodes["heard"]; !known || n.live.len() != 1 || n.counts.expired.Load() != 1 {
		t.Errorf("known are %v", n.live.nodes)
	}
}
