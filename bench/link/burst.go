//go:build linux

package link

import (
	"fmt"
	"time"
)

// burst emits very many events at once, through a stream that gives them their
// order.
var burst = Case{Name: "burst", Needs: []string{"events"}, nodes: 2, args: func(Settings) []string {
	return []string{"-recovery"}
}, try: func(t *trial) error {
	a, b := t.nodes[0], t.nodes[1]
	all := &sent{stream: "burst", at: []*node{a, b}}
	began := time.Now()
	if err := t.emit(a, all, "count", t.Events)(); err != nil {
		return err
	}
	emitted := time.Since(began)
	err := t.arrive(all)
	own, other := a.watcher.tally(all.stream), b.watcher.tally(all.stream)
	t.Figures["last_s"] = other.last.Sub(began).Seconds()
	t.Shown = fmt.Sprintf("emitted in %.1f s; %d of %d at the own client, %d of them late, %d at the other server's, %d late, in %.1f s",
		emitted.Seconds(), own.arrived, all.count, own.disordered, other.arrived, other.disordered, t.Figures["last_s"])
	t.judge(all)
	return err
}}
