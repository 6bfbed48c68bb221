package eio

import (
	"testing"
	"time"
)

// TestCoreCheck breaks the core's invariants.
func TestCoreCheck(t *testing.T) {
	for name, breaks := range map[string]func(c *core){
		"a queue over WebSocket":    func(c *core) { c.webSocket = true },
		"an upgrade over WebSocket": func(c *core) { c.backlog, c.webSocket, c.upgrade = nil, true, upgradeOpen },
		"a GET that is not flushed": func(c *core) { c.poll = true },
		"a wrong count of bytes":    func(c *core) { c.backlog.bytes++ },
		"a queue after the end":     func(c *core) { c.state = StateClosed },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlayer(wireFormat{}, false)
			p.core.send(p, textPacket("x"))
			p.core.check(false)
			breaks(&p.core)
			defer func() {
				if recover() == nil {
					t.Error("it was not found")
				}
			}()
			p.core.check(false)
		})
	}
	p := newPlayer(wireFormat{}, true)
	p.wait(p.now + time.Minute)
	p.core.check(false)
}
