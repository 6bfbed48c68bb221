//go:build linux

package link

import (
	"errors"
	"fmt"
	"time"
)

// late is when the line is paused, as a fraction of the time that the events
// take.
const late = 0.94

// messages sends large events from one server to the other, with small ones
// among them, and small ones beside them. The receiver's line may pause at the
// beginning, the sender's near the end.
var messages = Case{Name: "messages", Needs: []string{"events", "bytes"}, nodes: 2, try: func(t *trial) error {
	a, b := t.nodes[0], t.nodes[1]
	large := &sent{stream: "large", at: []*node{a, b}}
	small := &sent{stream: "small", at: []*node{a, b}}
	const few = 10
	every := 20 * time.Millisecond
	if t.Short > 0 {
		every *= 10 // what waits for the receiver is large
	}
	nth := few // of the events is a small one
	if t.Events <= few {
		nth = 2
	}
	count := t.Events * nth / (nth - 1)
	var gap, lasts time.Duration // between two large ones, and of all
	if t.Pace > 0 {
		gap = time.Duration(float64(t.Bytes*t.Events) / t.Pace * float64(time.Second) / megabyte / float64(count))
	}
	lasts = max(gap*time.Duration(count), time.Second)
	if t.Speed > 0 {
		lasts = max(lasts, time.Duration(float64(t.Bytes*t.Events)/t.Speed*float64(time.Second)/megabyte))
	}
	began := time.Now()
	one := t.emit(a, large, "count", count, "bytes", t.Bytes, "small", nth, "every", gap.Microseconds())
	two := t.emit(a, small, "count", int(lasts/every), "every", every.Microseconds())
	b.line.Pause(t.Short)
	if t.Pause > 0 {
		pause := time.AfterFunc(time.Duration(late*float64(lasts)), func() { a.line.Pause(t.Pause) })
		defer pause.Stop()
	}
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
	if t.Speed > 0 { // what the line can carry arrives
		t.complete(large, small)
	}
	if t.Pause+t.Short == 0 {
		t.connected()
	}
	return err
}}
