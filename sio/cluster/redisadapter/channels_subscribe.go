package redisadapter

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// receiver is the target of messages. The goroutine that reads the connection
// calls receive, one message after the other. Ownership of the payload
// transfers. Redis closes the connection of a reader that is too slow.
type receiver struct {
	receive func(channel string, payload []byte)
}

// topicName is the name of a channel, or a pattern.
type topicName struct {
	name    string
	pattern bool
}

// topic is a channel or pattern that is subscribed to, or will be. channels.mu
// guards its fields. receivers is never changed in place.
type topic struct {
	topicName
	room      bool        // sent after topics that are not of rooms
	receivers []*receiver // none if it must be unsubscribed
	order     uint64      // number of its creation
	link      *link       // nil until its node is known
	dirty     bool        // a change waits to be sent

	// Of one epoch of the link's connection; unset in another one.
	epoch     uint64
	requested bool // the last request was to subscribe
	initial   bool // link.behind counts it
	awaited   int  // answers that have not arrived
}

// subscribed reports whether Redis has confirmed the subscription.
func (t *topic) subscribed() bool {
	return t.link != nil && t.epoch == t.link.epoch && t.requested && t.awaited == 0 && !t.dirty
}

// subscribe adds channels to r. It does not wait; see awaitSubscribed.
func (c *channels) subscribe(r *receiver, names ...string) {
	c.change(r, kind{}, true, names)
}

// subscribeRooms is subscribe for channels of rooms. There may be a million of
// them, so they are sent after the channels that servers need for each other.
func (c *channels) subscribeRooms(r *receiver, names ...string) {
	c.change(r, kind{room: true}, true, names)
}

// psubscribe adds a pattern of channels to r. It does not wait. A caller that
// then subscribes to a channel and waits for it has waited for both. A sharded
// cluster has no patterns.
func (c *channels) psubscribe(r *receiver, pattern string) {
	c.change(r, kind{pattern: true}, true, []string{pattern})
}

// unsubscribe removes channels from r. A call of r.receive may be running.
func (c *channels) unsubscribe(r *receiver, names ...string) {
	c.change(r, kind{}, false, names)
}

// punsubscribe removes a pattern from r. A call of r.receive may be running.
func (c *channels) punsubscribe(r *receiver, pattern string) {
	c.change(r, kind{pattern: true}, false, []string{pattern})
}

// unsubscribeAll removes all channels from r. A call of r.receive may be
// running.
func (c *channels) unsubscribeAll(r *receiver) {
	var names []string
	c.each(func(key topicName, t *topic) {
		if !key.pattern && slices.Contains(t.receivers, r) {
			names = append(names, key.name)
		}
	})
	for chunk := range slices.Chunk(names, stepCount) {
		c.unsubscribe(r, chunk...)
	}
}

// kind is the kind of a topic.
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

// receivers returns how many receivers of this process a channel has.
func (c *channels) receivers(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.topics[topicName{name, false}]; t != nil {
		return len(t.receivers)
	}
	return 0
}

// markDirty has the state of t sent to Redis. c.mu is held.
func (c *channels) markDirty(t *topic) {
	if t.dirty {
		return
	}
	t.dirty = true
	if t.link == nil {
		if c.unrouted != nil {
			c.unplaced = append(c.unplaced, t)
			wake(c.unrouted)
			return
		}
		t.link = c.linkTo(nil)
	}
	t.link.take(t)
}

// take queues t, which is dirty. c.mu is held.
func (l *link) take(t *topic) {
	t.link = l
	if t.room {
		l.rooms = append(l.rooms, t)
	} else {
		l.first = append(l.first, t)
	}
	wake(l.wake)
}

// dispatch calls the receivers of a message.
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

// awaitSubscribed waits until Redis has confirmed the subscriptions to channels
// that have receivers. The error is ErrAway if there is no connection,
// ErrClosed, or that of ctx.
func (c *channels) awaitSubscribed(ctx context.Context, names ...string) error {
	for {
		news, err := c.unsubscribed(names)
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

// unsubscribed returns nil if all channels are subscribed, else a channel that
// is closed with the next news.
func (c *channels) unsubscribed(names []string) (news chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := !slices.ContainsFunc(names, func(name string) bool {
		t := c.topics[topicName{name, false}]
		return t != nil && !t.subscribed()
	})
	switch broken := c.broken[subscribing]; {
	case c.closed:
		return nil, ErrClosed
	case all:
		return nil, nil
	case broken != nil:
		return nil, fmt.Errorf("%w: %w", ErrAway, broken)
	}
	if c.news == nil {
		c.news = make(chan struct{})
	}
	return c.news, nil
}

var errNoCount = errors.New("redisadapter: the answer to PUBSUB NUMSUB lacks the channel")

// count returns how many connections in the whole cluster are subscribed to a
// channel by its name. If the channel has receivers here, it waits until this
// process is subscribed.
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
