package link

import (
	"errors"
	"fmt"
	"time"
)

// messages sends large events from one server to the other, a small one behind each, and small ones beside them.
var messages = Case{Name: "messages", Needs: []string{"events", "bytes"}, nodes: 2, try: func(t *trial) error {
	a, b := t.nodes[0], t.nodes[1]
	large := &sent{stream: "large", at: []*node{a, b}}
	small := &sent{stream: "small", at: []*node{a, b}}
	const every = 20 * time.Millisecond
	var gap, lasts time.Duration // between two large ones, and of all
	if t.Pace > 0 {
		gap = time.Duration(float64(t.Bytes) / t.Pace * float64(time.Second) / megabyte)
	}
	lasts = max(gap*time.Duration(t.Events), time.Second)
	if t.Speed > 0 {
		lasts = max(lasts, time.Duration(float64(t.Bytes*t.Events)/t.Speed*float64(time.Second)/megabyte))
	}
	began := time.Now()
	one := t.emit(a, large, "count", 2*t.Events, "bytes", t.Bytes, "alternate", 1, "every", (gap / 2).Microseconds())
	two := t.emit(a, small, "count", int(lasts/every), "every", every.Microseconds())
	if err := errors.Join(one(), two()); err != nil {
		return err
	}
	err := t.arrive(large, small)
	got, beside := b.watcher.tally(large.stream), b.watcher.tally(small.stream)
	if got.arrived > 0 {
		t.Figures["last_s"] = got.last.Sub(began).Seconds()
	}
	t.Shown = fmt.Sprintf("%d of %d in %.1f s; beside them %d of %d", got.arrived, large.count, t.Figures["last_s"], beside.arrived, small.count)
	t.judge(large, small)
	t.connected()
	return err
}}
