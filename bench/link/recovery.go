//go:build linux

package link

import (
	"fmt"
	"strconv"
	"sync"
	"time"
)

// others is a room without sockets: events to it only make the stream longer.
const others = "others"

// recovery lets clients leave one server, has it emit a long tail to the
// stream, with some events for all in it, and lets the clients come back to the
// other server, all at once. That server's line may stand still while the
// stream grows.
var recovery = Case{Name: "recovery", Needs: []string{"clients", "missed"}, nodes: 2, args: func(s Settings) []string {
	args := []string{"-recovery"}
	if s.MaxLen > 0 {
		args = append(args, "-maxlen", strconv.Itoa(s.MaxLen))
	}
	return args
}, try: func(t *trial) error {
	a, b := t.nodes[0], t.nodes[1]
	watchers := len(t.clients)
	if err := t.dialAll(a, t.Clients, ""); err != nil {
		return err
	}
	gone := t.clients[watchers:]
	if err := t.emit(a, &sent{stream: "mark"}, "count", 1)(); err != nil {
		return err
	}
	if err := t.await(func() bool { return t.reached("mark") == len(t.clients) }); err != nil {
		return err
	}
	for _, c := range gone {
		c.leave()
	}
	t.progress("the stream grows")
	b.line.Pause(t.Pause)
	missed := &sent{stream: "missed", at: []*node{b}}
	if err := t.grow(a, missed); err != nil {
		return err
	}
	// The earlier ones come before the last, or never.
	err := t.await(func() bool {
		got := b.watcher.got(missed.stream)
		return len(got) > 0 && got[len(got)-1].number == missed.count-1
	})
	if err != nil {
		return err
	}
	t.progress("clients come back")
	return t.comeBack(b, gone, missed.count)
}}

// grow emits the missed events, and spreads the events for others evenly among
// them.
func (t *trial) grow(n *node, missed *sent) error {
	const most = 20 // parts
	parts := min(most, t.Missed)
	pace := t.Pace
	if pace == 0 {
		pace = 25
	}
	every := time.Duration(float64(t.Bytes) / pace * float64(time.Second) / megabyte)
	for i := range parts {
		if count := t.Events*(i+1)/parts - t.Events*i/parts; count > 0 {
			if err := t.emit(n, &sent{stream: others}, "room", others, "count", count, "bytes", t.Bytes, "every", every.Microseconds())(); err != nil {
				return err
			}
		}
		first, end := t.Missed*i/parts, t.Missed*(i+1)/parts
		if err := t.emit(n, missed, "first", missed.count, "count", end-first, "every", 100)(); err != nil {
			return err
		}
	}
	return nil
}

// comeBack lets the clients come back and judges what they get.
func (t *trial) comeBack(n *node, gone []*client, missed int) error {
	began := time.Now()
	back, failed := make([]*client, len(gone)), make([]error, len(gone))
	var coming sync.WaitGroup
	for i, c := range gone {
		coming.Go(func() {
			back[i], failed[i] = dial(t.ctx, n.Addr.String(), fmt.Sprintf(`{"pid":%q,"offset":%q}`, c.pid, c.offset))
		})
	}
	coming.Wait()
	for i, one := range back {
		if failed[i] != nil {
			return fmt.Errorf("a client that comes back: %w", failed[i])
		}
		t.clients = append(t.clients, one)
	}
	connected := time.Since(began)
	recovered := func(i int) bool { return back[i].id == gone[i].id }
	whole := func(i int) bool {
		got := back[i].tally("missed")
		return got.arrived == missed && got.disordered == 0 && got.doubled == 0
	}
	count := func(is func(int) bool) (n int) {
		for i := range back {
			if is(i) {
				n++
			}
		}
		return n
	}
	end := time.Now().Add(patience / 2)
	err := t.await(func() bool {
		return time.Now().After(end) || count(func(i int) bool { return recovered(i) && !whole(i) }) == 0
	})
	again, complete := count(recovered), count(func(i int) bool { return recovered(i) && whole(i) })
	t.Figures["recovered"], t.Figures["back_s"] = float64(again), connected.Seconds()
	t.Shown = fmt.Sprintf("%d of %d recovered, %d of them with all %d that they missed, in %.1f s", again, len(gone), complete, missed, connected.Seconds())
	if complete < again {
		t.wrong("%d clients are recovered without all that they have missed", again-complete)
	}
	if kept := t.MaxLen == 0 || t.Missed+t.Events < t.MaxLen; kept && again < len(gone) {
		t.wrong("%d of %d clients are recovered, though the stream has all", again, len(gone))
	}
	return err
}
