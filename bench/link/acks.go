//go:build linux

package link

import (
	"fmt"
	"time"
)

// answered is how long acknowledgements are waited for.
const answered = 30 * time.Second

// acks asks the many clients of another server for acknowledgements, several
// times at once, while that server emits 100 plain events a second.
var acks = Case{Name: "acks", Needs: []string{"events", "clients"}, nodes: 2, try: func(t *trial) error {
	a, b := t.nodes[0], t.nodes[1]
	if err := t.dialAll(b, t.Clients, ""); err != nil {
		return err
	}
	want := t.Events * len(t.clients)
	const every, count = 10 * time.Millisecond, 500
	beside := &sent{stream: "plain", at: []*node{a}}
	wait := t.emit(b, beside, "room", plain, "count", count, "every", every.Microseconds())
	time.Sleep(time.Second)
	got, err := t.order(a, "ack", "count", t.Events, "patience", answered.Milliseconds())
	if waited := wait(); err == nil {
		err = waited
	}
	if err == nil {
		err = t.arrive(beside)
	}
	t.Figures["answers"], t.Figures["ack_s"] = float64(got.Count), got.Seconds
	t.Shown = fmt.Sprintf("%d of %d answers in %.1f s; beside them %d of %d", got.Count, want, got.Seconds, a.watcher.tally(beside.stream).arrived, beside.count)
	if got.Count != want {
		t.wrong("%d of %d answers have come, %d are said to be missing: %q", got.Count, want, got.Missing, got.Error)
	}
	t.judge(beside)
	t.complete(beside)
	t.connected()
	return err
}}
