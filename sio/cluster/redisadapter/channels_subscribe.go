package redisadapter

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// receiver is who is called with what comes. receive is called by the goroutine that
// reads the connection, one message after the other; Redis closes the connection
// of a reader that is too slow. The payload belongs to receive.
type receiver struct {
	receive func(channel string, payload []byte)
}

// topicName is a channel's name or a pattern.
type topicName struct {
	name    string
	pattern bool
}

// topic is what Redis is subscribed to, or shall be. Its fields are guarded by
// channels.mu, receivers is never changed in place.
type topic struct {
	topicName
	room      bool        // others come before it
	receivers []*receiver // nobody when it shall end
	order     uint64      // of its making
	link      *link       // that carries it; nil until that is known
	dirty     bool        // it waits for Redis to be told of a change

	// Of the link's connection epoch; void in another one.
	epoch   uint64
	told    bool // the connection was told to subscribe last
	initial bool // it is among those that the link is behind with
	awaited int  // answers of Redis to what it was told
}

// settled reports whether Redis is known to have subscribed.
func (t *topic) settled() bool {
	return t.link != nil && t.epoch == t.link.epoch && t.told && t.awaited == 0 && !t.dirty
}

// subscribe has r receive from channels. It does not wait; see awaitSubscribed.
func (c *channels) subscribe(r *receiver, names ...string) {
	c.change(r, kind{}, true, names)
}

// subscribeRooms is subscribe for channels of rooms. There may be a million of them;
// Redis is told of them after those by which servers find each other.
func (c *channels) subscribeRooms(r *receiver, names ...string) {
	c.change(r, kind{room: true}, true, names)
}

// psubscribe has r receive from all channels that match a pattern. It does not wait;
// who then subscribes to a channel, and waits for that, has waited for both. A cluster
// that is sharded has no patterns.
func (c *channels) psubscribe(r *receiver, pattern string) {
	c.change(r, kind{pattern: true}, true, []string{pattern})
}

// unsubscribe takes back subscribe. A call of r.receive may be going on.
func (c *channels) unsubscribe(r *receiver, names ...string) {
	c.change(r, kind{}, false, names)
}

// punsubscribe takes back psubscribe. A call of r.receive may be going on.
func (c *channels) punsubscribe(r *receiver, pattern string) {
	c.change(r, kind{pattern: true}, false, []string{pattern})
}

// unsubscribeAll takes back every subscribe with r. A call of r.receive may be going on.
func (c *channels) unsubscribeAll(r *receiver) {
	var names []string
	c.each(func(key topicName, t *topic) {
		if !key.pattern && slices.Contains(t.receivers, r) {
			names = append(names, key.name)
		}
	})
	for part := range slices.Chunk(names, stepCount) {
		c.unsubscribe(r, part...)
	}
}

// kind tells topics apart: patterns from channels, and those of rooms from the rest.
type kind struct{ pattern, room bool }

// change adds r to topics of a kind or removes it from them.
func (c *channels) change(r *receiver, kind kind, add bool, names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range names {
		key := topicName{name, kind.pattern}
		t := c.topics[key]
		switch {
		case c.closed:
			return
		case t == nil && !add:
			continue
		case t == nil:
			c.order++
			t = &topic{topicName: key, room: kind.room, order: c.order}
			c.topics[key] = t
		case slices.Contains(t.receivers, r) == add:
			continue
		}
		if add {
			t.receivers = append(slices.Clip(t.receivers), r)
			t.room = t.room && kind.room
		} else {
			t.receivers = slices.DeleteFunc(slices.Clone(t.receivers), func(other *receiver) bool { return other == r })
		}
		c.markDirty(t)
	}
}

// receivers is how many receive from a channel here.
func (c *channels) receivers(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.topics[topicName{name, false}]; t != nil {
		return len(t.receivers)
	}
	return 0
}

// markDirty has Redis told about t if there is anything to tell. c.mu is held.
func (c *channels) markDirty(t *topic) {
	if t.dirty {
		return
	}
	t.dirty = true
	if t.link == nil {
		if c.unrouted != nil {
			c.homeless = append(c.homeless, t)
			wake(c.unrouted)
			return
		}
		t.link = c.linkTo(nil)
	}
	t.link.take(t)
}

// take has Redis told about t, which is dirty. c.mu is held.
func (l *link) take(t *topic) {
	t.link = l
	if t.room {
		l.rooms = append(l.rooms, t)
	} else {
		l.first = append(l.first, t)
	}
	wake(l.wake)
}

// dispatch hands a message to those who receive from its channel.
func (c *channels) dispatch(m *redis.Message) {
	key := topicName{m.Channel, false}
	if m.Pattern != "" {
		key = topicName{m.Pattern, true}
	}
	var receivers []*receiver
	c.mu.Lock()
	if t := c.topics[key]; t != nil && !c.closed {
		receivers = t.receivers
	}
	c.mu.Unlock()
	for _, r := range receivers {
		r.receive(m.Channel, []byte(m.Payload))
	}
}

// awaitSubscribed waits until Redis has subscribed to those of the channels that it
// shall. The error is ErrAway when there is no connection, ErrClosed, or ctx's.
func (c *channels) awaitSubscribed(ctx context.Context, names ...string) error {
	for {
		news, err := c.unsettled(names)
		if news == nil || err != nil {
			return err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// unsettled returns nil when all channels are settled, else what closes with the next news.
func (c *channels) unsettled(names []string) (news chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	settled := !slices.ContainsFunc(names, func(name string) bool {
		t := c.topics[topicName{name, false}]
		return t != nil && !t.settled()
	})
	switch broken := c.broken[subscribing]; {
	case c.closed:
		return nil, ErrClosed
	case settled:
		return nil, nil
	case broken != nil:
		return nil, fmt.Errorf("%w: %w", ErrAway, broken)
	}
	if c.news == nil {
		c.news = make(chan struct{})
	}
	return c.news, nil
}

var errNoCount = errors.New("redisadapter: an answer to PUBSUB NUMSUB without the channel")

// count asks how many connections have subscribed to a channel by its name, in the whole
// cluster. If this process shall be one of them, it is.
func (c *channels) count(ctx context.Context, channel string) (int, error) {
	if err := c.awaitSubscribed(ctx, channel); err != nil {
		return 0, err
	}
	cluster, ok := c.client.(*redis.ClusterClient)
	switch {
	case !ok:
		return c.countAt(ctx, c.client, channel)
	case c.cfg.sharded:
		node, err := cluster.MasterForKey(ctx, channel)
		if err != nil {
			return 0, err
		}
		return c.countAt(ctx, node, channel)
	}
	counts := make(chan int, 1)
	counts <- 0
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		n, err := c.countAt(ctx, node, channel)
		counts <- n + <-counts
		return err
	})
	return <-counts, err
}

func (c *channels) countAt(ctx context.Context, node redis.UniversalClient, channel string) (int, error) {
	ask := node.PubSubNumSub
	if c.cfg.sharded {
		ask = node.PubSubShardNumSub
	}
	counts, err := ask(ctx, channel).Result()
	if err != nil {
		return 0, err
	}
	n, ok := counts[channel]
	if !ok {
		return 0, errNoCount
	}
	return int(n), nil
}
