//go:build linux

package link

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

const (
	lead = 500 * time.Millisecond // before a pause
	tail = 5 * time.Second        // behind the longest, at most: a longer one than that pause is not needed
)

// pauses stops a server's process and the lines of two others at the same time,
// while the first server and the one with the longer pause emit to all.
var pauses = Case{Name: "pauses", Needs: []string{"stop", "pause", "short"}, nodes: 4, try: func(t *trial) error {
	a, b, c, d := t.nodes[0], t.nodes[1], t.nodes[2], t.nodes[3]
	const every = 10 * time.Millisecond
	longest := max(t.Stop, t.Pause, t.Short)
	args := []any{"count", int((lead + longest + min(longest, tail)) / every), "every", every.Microseconds()}
	out := &sent{stream: "a", at: []*node{b, c, d}}
	back := &sent{stream: "c", at: []*node{a, d}}
	one, two := t.emit(a, out, args...), t.emit(c, back, args...)
	time.Sleep(lead)
	began := time.Now()
	c.line.Pause(t.Pause)
	d.line.Pause(t.Short)
	if err := syscall.Kill(b.PID(), syscall.SIGSTOP); err != nil {
		return err
	}
	select {
	case <-time.After(t.Stop):
	case <-t.ctx.Done():
	}
	goesOn := time.Now()
	if err := syscall.Kill(b.PID(), syscall.SIGCONT); err != nil {
		return err
	}
	if err := errors.Join(one(), two()); err != nil {
		return err
	}
	err := t.arrive(out, back)
	show := func(what string, of *sent, n *node, over time.Time) string {
		got := n.watcher.tally(of.stream).arrived
		again := "never again"
		if after, ok := n.watcher.live(of.stream, over); ok {
			again = fmt.Sprintf("again after %.1f s", after.Seconds())
		}
		return fmt.Sprintf("%s %d of %d, %s", what, got, of.count, again)
	}
	paused := began.Add(t.Pause)
	t.Shown = show("process stopped "+t.Stop.String()+":", out, b, goesOn) + "; " +
		show("line paused "+t.Pause.String()+":", out, c, paused) + "; " +
		show("from there", back, a, paused) + "; " +
		show("line paused "+t.Short.String()+":", out, d, began.Add(t.Short))
	t.judge(out, back)
	// Redis keeps the messages for a stopped server: it loses none.
	t.complete(&sent{stream: out.stream, count: out.count, at: []*node{b}})
	if t.streams {
		t.complete(out, back)
	}
	return err
}}
