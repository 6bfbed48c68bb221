package redisadapter

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// link is the subscriptions at one node of Redis, through one connection after
// the other.
//
// Redis answers each name, and closes the connection of a client for which too
// many bytes wait. So names are sent in a window of answers that have not
// arrived.
type link struct {
	c    *channels
	node *redis.Client // nil if there is one node
	wake chan struct{} // topics are dirty, and the window is open

	// Guarded by channels.mu.
	first   []*topic // dirty topics that servers need for each other
	rooms   []*topic // other dirty topics
	epoch   uint64   // number of the connection; the state of topics from an earlier one is unset
	heard   bool     // Redis has answered on the connection
	behind  int      // initial topics that Redis has not confirmed
	awaited int      // bytes of answers that have not arrived
	up      bool     // Redis has confirmed all initial topics
}

const (
	subscribeCount  = 500       // names in a command
	subscribeWindow = 512 << 10 // bytes of answers that may be missing
	answerSize      = 64        // of an answer's bytes besides the name, at most
)

// linkTo returns the link to a node. c.mu is held.
func (c *channels) linkTo(node *redis.Client) *link {
	l := c.links[node]
	if l == nil {
		l = &link{c: c, node: node, wake: make(chan struct{}, 1), epoch: 1}
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
		switch {
		case l.c.ctx.Err() != nil, err == errRemoved:
			return
		case err == errUnwanted:
			wait = retryTime
			continue
		}
		l.c.note(subscribing, err)
		if time.Since(begun) > maxRetryTime {
			wait = retryTime
		}
		if !pause(l.c.ctx, wait) {
			return
		}
		if l.c.unrouted != nil {
			l.end()
			return
		}
	}
}

var (
	// errUnwanted ends a connection before it is made, because there are no
	// topics.
	errUnwanted = errors.New("redisadapter: nothing to subscribe to")
	// errRemoved ends a link without topics.
	errRemoved = errors.New("redisadapter: no topics")
)

// connection makes a connection and uses it until it fails.
func (l *link) connection() error {
	if err := l.begin(); err != nil {
		return err
	}
	defer l.down()
	client := l.c.traffic
	if l.node != nil {
		client = l.node
	}
	conn := newConnection(l, client)
	defer conn.close()
	if err := conn.sendChanges(); err != nil {
		return err
	}
	if !conn.reading {
		return errUnwanted
	}
	tick := time.NewTimer(l.c.cfg.pingTime)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-l.wake:
			err = conn.sendChanges()
		case <-tick.C:
			var next time.Duration
			if next, err = conn.check(); err == nil {
				tick.Reset(next)
			}
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

// begin waits for topics. A link to a node of a cluster ends instead.
func (l *link) begin() error {
	for {
		l.c.mu.Lock()
		l.heard, l.behind, l.awaited = false, 0, 0
		l.c.mu.Unlock()
		wanted := l.recall()
		if wanted {
			return nil
		}
		l.c.mu.Lock()
		unwanted := l.c.unrouted != nil && len(l.first)+len(l.rooms) == 0
		if unwanted {
			delete(l.c.links, l.node)
		}
		l.c.mu.Unlock()
		if unwanted {
			l.c.restored()
			return errRemoved
		}
		select {
		case <-l.wake:
		case <-l.c.ctx.Done():
			return l.c.ctx.Err()
		}
	}
}

// recall queues all topics again, and reports whether there are any.
func (l *link) recall() (wanted bool) {
	var first, rooms []*topic
	l.c.each(func(key topicName, t *topic) {
		if t.link != l || t.epoch == l.epoch {
			return
		}
		l.renew(t)
		switch {
		case t.dirty: // queued already
		case len(t.receivers) == 0:
			delete(l.c.topics, key)
			return
		case t.room:
			rooms = append(rooms, t)
		default:
			first = append(first, t)
		}
		t.dirty = true
		t.initial = true
		l.behind++
	})
	slices.SortFunc(first, func(a, b *topic) int { return cmp.Compare(a.order, b.order) })
	if l.c.unrouted != nil {
		sortBySlot(rooms) // a command takes names of one slot only
	}
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	l.first, l.rooms = append(first, l.first...), append(rooms, l.rooms...)
	return len(l.first)+len(l.rooms) > 0
}

// renew unsets the state of t from an earlier connection. c.mu is held.
func (l *link) renew(t *topic) {
	if t.epoch != l.epoch {
		t.epoch, t.requested, t.awaited, t.initial = l.epoch, false, 0, false
	}
}

// down notes that the connection has ended.
func (l *link) down() {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	l.epoch++
	l.up = false
}

// changes are the names of channels and patterns to subscribe to and to
// unsubscribe from.
type changes struct {
	subscribe, unsubscribe, psubscribe, punsubscribe []string
}

func (list *changes) add(t *topic, want bool) {
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

// changes returns the changes that fit into the window. more reports whether
// the caller should call it again.
func (l *link) changes() (list changes, more bool) {
	c := l.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for range stepCount {
		t := l.next()
		if t == nil {
			return list, false
		}
		l.renew(t)
		t.dirty = false
		want := len(t.receivers) > 0
		if want == t.requested {
			l.arrived(t)
			c.forget(t)
			c.announce()
			continue
		}
		t.requested = want
		t.awaited++
		l.awaited += len(t.name) + answerSize
		list.add(t, want)
	}
	return list, true
}

// next returns the next dirty topic that fits into the window, or nil.
// c.mu is held.
func (l *link) next() *topic {
	dirty := &l.first
	if len(l.first) == 0 {
		dirty = &l.rooms
	}
	if len(*dirty) == 0 {
		l.first, l.rooms = nil, nil // frees the arrays
		return nil
	}
	t := (*dirty)[0]
	if l.awaited > 0 && l.awaited+len(t.name)+answerSize > subscribeWindow {
		return nil
	}
	*dirty = (*dirty)[1:]
	return t
}

// forget drops a topic that has no receivers and is not subscribed. c.mu is
// held.
func (c *channels) forget(t *topic) {
	if !t.requested && t.awaited == 0 && !t.dirty && len(t.receivers) == 0 {
		delete(c.topics, t.topicName)
	}
}

// arrived notes that an initial topic was confirmed, or has no receivers any
// more. c.mu is held.
func (l *link) arrived(t *topic) {
	if t.initial {
		t.initial = false
		l.behind--
	}
	l.up = l.heard && l.behind == 0 && !l.c.closed
}

var errEnded = errors.New("redisadapter: Redis has ended a subscription")

// answered takes an answer to a change.
func (l *link) answered(s *redis.Subscription) error {
	c := l.c
	c.mu.Lock()
	t := c.topics[topicName{s.Channel, s.Kind[0] == 'p'}]
	if t == nil || t.link != l || t.epoch != l.epoch || t.awaited == 0 {
		c.mu.Unlock()
		return errEnded // not requested: the channel has moved to another node
	}
	l.heard = true
	if l.awaited -= len(t.name) + answerSize; l.awaited <= subscribeWindow/2 && len(l.first)+len(l.rooms) > 0 {
		wake(l.wake)
	}
	before := l.up
	if t.awaited--; t.awaited == 0 {
		l.arrived(t)
		c.forget(t)
		c.announce()
	}
	came := l.up && !before
	c.mu.Unlock()
	if came {
		c.restored()
	}
	return nil
}

// sendChanges sends the changes that fit into the window, and starts the reader
// once there is a connection.
func (c *connection) sendChanges() error {
	for more := true; more; {
		var list changes
		list, more = c.link.changes()
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
	}
	c.link.c.restored() // missing topics may have no receivers any more
	return nil
}

// chunks divides names into those of one command: of one slot in a sharded
// cluster.
func (c *channels) chunks(names []string) func(yield func([]string) bool) {
	if c.unrouted != nil {
		return bySlot(names)
	}
	return slices.Chunk(names, subscribeCount)
}
