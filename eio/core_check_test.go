package eio

import (
	"testing"
	"time"
)

// TestCoreCheck breaks the core's invariants.
func TestCoreCheck(t *testing.T) {
	const nothingLeft = "nothing is left of a closed session"
	for _, tc := range []struct {
		name   string
		breaks func(c *core)
		want   string
	}{
		{"a queue over WebSocket", func(c *core) { c.webSocket = true }, "the queue is empty over WebSocket"},
		{"an upgrade over WebSocket", func(c *core) { c.backlog, c.webSocket, c.upgrade = nil, true, upgradeOpen },
			"there is no upgrade over WebSocket"},
		{"a GET that is not flushed", func(c *core) { c.poll = true },
			"a GET is parked only while the queue is empty or a flush is requested"},
		{"a wrong count of bytes", func(c *core) { c.backlog.bytes++ }, "the bytes of the queue are those of its packets"},
		{"a queue after the end", func(c *core) { c.state = StateClosed }, nothingLeft},
		{"a GET after the end", func(c *core) { c.backlog, c.poll, c.state = nil, true, StateClosed }, nothingLeft},
		{"timers after the end", func(c *core) { c.backlog, c.side, c.state = nil, new(sideTimers), StateClosed }, nothingLeft},
		{"an upgrade after the end", func(c *core) { c.backlog, c.upgrade, c.state = nil, upgradeOpen, StateClosed }, nothingLeft},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlayer(wireFormat{}, false)
			p.core.send(p, textPacket("x"))
			p.core.check(false)
			tc.breaks(&p.core)
			defer func() {
				if got, want := recover(), "invariant broken: eio: "+tc.want; got != want {
					t.Errorf("found %v, want %q", got, want)
				}
			}()
			p.core.check(false)
		})
	}
	p := newPlayer(wireFormat{}, true)
	p.wait(p.now + time.Minute)
	p.core.check(false)
}
