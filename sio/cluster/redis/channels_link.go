package redis

import (
	"context"
	"errors"
	"slices"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// link is the subscriptions at one node of Redis, by one connection after the other.
type link struct {
	c    *channels
	node *goredis.Client // nil is the only one
	wake chan struct{}   // there are dirty topics

	// Guarded by channels.mu.
	dirty   []*topic
	up      bool // Redis has subscribed to everything that was wanted in the beginning
	pending int  // topics of which that is not known yet
}

// linkTo returns the link to a node. c.mu is held.
func (c *channels) linkTo(node *goredis.Client) *link {
	l := c.links[node]
	if l == nil {
		l = &link{c: c, node: node, wake: make(chan struct{}, 1)}
		c.links[node] = l
		c.running.Go(l.run)
	}
	return l
}

// run is the link's goroutine.
func (l *link) run() {
	for wait := retryTime; ; wait = min(2*wait, maxRetryTime) {
		begun := time.Now()
		err := l.connection()
		if l.c.ctx.Err() != nil {
			return
		}
		l.c.note(subscribing, err)
		if time.Since(begun) > maxRetryTime {
			wait = retryTime
		}
		if !pause(l.c.ctx, wait) || l.c.unrouted != nil && l.end() {
			return
		}
	}
}

// connection is the life of one connection, which ends with an error.
func (l *link) connection() error {
	if !l.begin() {
		return l.c.ctx.Err()
	}
	var client goredis.UniversalClient = l.c.client
	if l.node != nil {
		client = l.node
	}
	conn := newConnection(l, client)
	defer conn.close()
	if err := conn.tell(); err != nil {
		return err
	}
	tick := time.NewTicker(l.c.cfg.pingTime)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-l.wake:
			err = conn.tell()
		case <-tick.C:
			err = conn.check()
		case <-conn.ended:
			err = conn.err
		case <-l.c.ctx.Done():
			err = l.c.ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// begin waits until there is something to subscribe to, and notes that Redis knows
// nothing of it. It is false at the end.
func (l *link) begin() bool {
	for {
		l.c.mu.Lock()
		l.dirty, l.up, l.pending = nil, false, 0
		for key, t := range l.c.topics {
			if t.link != l {
				continue
			}
			t.told, t.awaited, t.dirty = false, 0, len(t.receivers) > 0
			if t.dirty {
				l.dirty = append(l.dirty, t)
			} else {
				delete(l.c.topics, key)
			}
		}
		wanted := len(l.dirty)
		l.c.mu.Unlock()
		if wanted > 0 {
			return true
		}
		select {
		case <-l.wake:
		case <-l.c.ctx.Done():
			return false
		}
	}
}

// changes are what a connection is to be told: the names to subscribe to and to
// unsubscribe from, channels and patterns.
type changes struct {
	subscribe, unsubscribe, psubscribe, punsubscribe []string
}

// changes returns what has changed since the last call.
func (l *link) changes() (list changes) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	for _, t := range l.dirty {
		t.dirty = false
		want := len(t.receivers) > 0
		if want == t.told {
			l.c.forget(t)
			l.c.announce()
			continue
		}
		t.told = want
		t.awaited++
		names := &list.subscribe
		switch {
		case t.pattern && want:
			names = &list.psubscribe
		case t.pattern:
			names = &list.punsubscribe
		case !want:
			names = &list.unsubscribe
		}
		*names = append(*names, t.name)
	}
	l.dirty = nil
	if !l.up && l.pending == 0 {
		l.pending = len(list.subscribe) + len(list.psubscribe)
	}
	return list
}

// forget drops a topic that nobody wants and Redis does not have. c.mu is held.
func (c *channels) forget(t *topic) {
	if !t.told && t.awaited == 0 && !t.dirty && len(t.receivers) == 0 {
		delete(c.topics, t.topicName)
	}
}

var errEnded = errors.New("redis: a subscription was ended")

// answered is told what Redis has subscribed to or unsubscribed from.
func (l *link) answered(s *goredis.Subscription) error {
	c := l.c
	c.mu.Lock()
	t := c.topics[topicName{s.Channel, s.Kind[0] == 'p'}]
	if t == nil || t.link != l || t.awaited == 0 {
		c.mu.Unlock()
		return errEnded // nobody has asked for it: the channel has moved to another node
	}
	if t.awaited--; t.awaited == 0 {
		c.forget(t)
		c.announce()
	}
	if l.pending > 0 {
		if l.pending--; l.pending == 0 {
			l.up = true
		}
	}
	back := l.up && c.broken[subscribing] != nil && c.subscribed()
	c.mu.Unlock()
	if back {
		c.note(subscribing, nil)
	}
	return nil
}

// tell tells Redis what has changed, and begins to read when there is a connection.
func (c *connection) tell() error {
	list := c.link.changes()
	for _, command := range []struct {
		names []string
		send  func(ctx context.Context, names ...string) error
	}{
		{list.psubscribe, c.conn.PSubscribe}, // first: awaitSubscribed is for channels
		{list.subscribe, c.subscribe},
		{list.unsubscribe, c.unsubscribe},
		{list.punsubscribe, c.conn.PUnsubscribe},
	} {
		for names := range c.link.c.chunks(command.names) {
			if err := c.send(command.send, names); err != nil {
				return err
			}
		}
	}
	return nil
}

// chunks are names that one command may tell: of one slot in a cluster that is sharded.
func (c *channels) chunks(names []string) func(yield func([]string) bool) {
	if c.unrouted != nil {
		return bySlot(names)
	}
	return slices.Chunk(names, subscribeCount)
}
