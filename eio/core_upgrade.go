package eio

import (
	"time"

	"github.com/sioserver/sioserver/codec/engineio"
)

// probeOpened starts an upgrade. It reports false when the session can't
// upgrade now; the caller then closes the WebSocket.
func (c *core) probeOpened(t timing, now time.Duration) bool {
	if c.webSocket || c.upgrade != upgradeNone || c.state == StateClosed {
		return false
	}
	c.upgrade = upgradeOpen
	c.timers().upgradeBy = now + t.upgradeTimeout
	return true
}

// probeReceive handles one packet of the probing WebSocket.
func (c *core) probeReceive(fx effects, now time.Duration, p engineio.Packet) {
	switch {
	case c.upgrade == upgradeNone:
	case p.Type == engineio.Ping && string(p.Data) == "probe":
		fx.replyProbe(p.Data)
		if c.upgrade == upgradeOpen {
			c.upgrade = upgradeProbed
			c.timers().noopAt = now + noopInterval
		}
	case p.Type == engineio.Upgrade:
		c.upgraded(fx)
	default:
		c.probeFailed(fx)
	}
}

// probeFailed closes the probing WebSocket. The session stays on polling.
func (c *core) probeFailed(fx effects) {
	if c.upgrade != upgradeNone {
		c.probeLost()
		fx.closeProbe()
	}
}

// probeLost is called when the probing WebSocket is gone. The session stays on
// polling.
func (c *core) probeLost() {
	c.upgrade = upgradeNone
	if c.side != nil {
		c.side.upgradeBy, c.side.noopAt = 0, 0
	}
}

// upgraded makes the probing WebSocket the session's transport and sends the
// queue there.
func (c *core) upgraded(fx effects) {
	c.probeLost()
	if c.post {
		c.post = false
		fx.dropPost()
	}
	if c.poll {
		c.poll = false
		fx.answerPoll([]*EncodedPacket{packetClose})
	}
	c.webSocket = true
	fx.promoteProbe()
	queue := c.takeQueue(fx)
	c.backlog = nil
	crowded := false
	for _, p := range queue {
		crowded = fx.sendWebSocket(p) || crowded
	}
	releaseAll(queue)
	if crowded {
		c.watch(fx)
	}
	if c.state == StateClosing {
		c.end(fx, ForcedClose, nil)
	}
}
