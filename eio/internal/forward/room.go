package forward

import (
	"context"
	"time"
)

// The bodies of all answers together are bounded. A node may have as much as is
// left:
//
//	what the node has + the body <= MaxAnswers - what all have
//
// So a node whose answers are large, or do not end, takes at most half and
// leaves the rest to others. A body for which there is no room waits unread, at
// most for Config.Stall. A body that comes while there is no other is always
// read.

// reserve waits until there is room for n bytes of an answer of node.
func (c *Client) reserve(ctx context.Context, node *node, n int64) error {
	if n == 0 {
		return nil
	}
	var patience *time.Timer
	for {
		c.mu.Lock()
		if c.held == 0 || node.held+n <= c.cfg.MaxAnswers-c.held {
			node.held += n
			c.held += n
			c.mu.Unlock()
			return nil
		}
		if c.room == nil {
			c.room = make(chan struct{})
		}
		room := c.room
		c.mu.Unlock()
		if patience == nil {
			patience = time.NewTimer(c.cfg.Stall)
			defer patience.Stop()
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		case <-patience.C:
			return ErrBusy
		}
	}
}

// unreserve gives room back.
func (c *Client) unreserve(node *node, n int64) {
	if n == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	node.held -= n
	c.held -= n
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
	c.forgetLocked(node)
}
