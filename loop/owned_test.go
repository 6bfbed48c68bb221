package loop

import (
	"log/slog"
	"testing"
)

// TestLoopCheck breaks the invariants that Loop.check looks at.
func TestLoopCheck(t *testing.T) {
	for _, tc := range []struct {
		name   string
		breaks func(l *Loop, c *Conn)
		want   string
	}{
		{"nothing", func(*Loop, *Conn) {}, ""},
		{"a dirty connection of another loop", func(l *Loop, _ *Conn) { l.dirty = append(l.dirty, &Conn{loop: new(Loop)}) },
			"loop: a dirty connection is another loop's"},
		{"a departure without its mark", func(l *Loop, c *Conn) { l.departures = append(l.departures, departure{c: c}) },
			"loop: a departing connection is not marked as leaving"},
		{"a blocked connection without its mark", func(_ *Loop, c *Conn) { c.flags &^= isBlocked },
			"loop: a connection that waits for a notice is not marked as blocked"},
		{"another notice", func(_ *Loop, c *Conn) { c.out.notice++ },
			"loop: a connection that waits for a notice is not marked as blocked"},
		{"bytes that are not counted", func(_ *Loop, c *Conn) { c.out.push(newFrame("x")) },
			"loop: the loop has not counted what a blocked connection has queued"},
		{"a frame beside the outbox", func(_ *Loop, c *Conn) { c.frame = newFrame("x") },
			"loop: a connection has a frame beside its outbox"},
		{"bytes without a frame", func(_ *Loop, c *Conn) { c.out.queued++; c.out.counted++ },
			"loop: an outbox has another number of bytes than its frames"},
		{"a message without a frame", func(_ *Loop, c *Conn) { c.out.groups++ },
			"loop: an outbox has another number of messages than its frames"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			be := &clockSink{now: 1, full: true}
			l := newLoop(0, be, be, slog.New(slog.DiscardHandler), defaultMaxQueued, defaultMaxQueuedTotal)
			c := openSink(l, 1)
			c.Send(newFrame("a"))
			c.Send(newFrame("b"))
			l.turn()
			tc.breaks(l, c)
			defer func() {
				got, _ := recover().(string)
				if want := tc.want; want == "" && got != "" || want != "" && got != "invariant broken: "+want {
					t.Errorf("found %q, want %q", got, want)
				}
			}()
			l.check()
		})
	}
}

func newFrame(s string) *Frame {
	f := NewFrame()
	f.B = append(f.B, s...)
	return f
}
