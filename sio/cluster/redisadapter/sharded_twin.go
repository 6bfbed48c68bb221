package redisadapter

import (
	"context"

	"github.com/sioserver/sioserver/sio/cluster"
)

// lookForTwin tells the node when another server has the same UID: each takes what the
// other one sends for its own, and answers to both reach both. The server that comes
// later finds another subscriber of the channel that is its own. It looks again after a
// second, because Redis may not have noticed yet that a former connection has ended.
func (b *shardedBus) lookForTwin() {
	c, found := b.members.channels, false
	for {
		n, err := b.listeners(c.ctx)
		switch {
		case b.isClosed() || err == nil && n < 2:
			return
		case err == nil && found:
			b.receive(&cluster.Message{Type: cluster.Heartbeat, UID: b.uid, Namespace: b.namespace, Instance: "?"})
			return
		case err == nil:
			found = true
		}
		if !pause(c.ctx, maxRetryTime) {
			return
		}
	}
}

// listeners is how many receive from the node's own channel.
func (b *shardedBus) listeners(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	c, own := b.members.channels, b.of(b.uid)
	n, err := c.count(ctx, own)
	return n + c.receivers(own) - 1, err
}

func (b *shardedBus) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}
