package redisadapter

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/safelog"
	"github.com/sioserver/sioserver/sio/cluster"
)

// channels publishes to channels of Redis and receives from them, for one
// process: by PUBLISH and SUBSCRIBE, or, if it is sharded, by SPUBLISH and
// SSUBSCRIBE.
//
// Publishing uses two bounded queues and one goroutine, which sends many
// messages at once, each at most once. subscribe and unsubscribe only change
// the set of topics. For each connection, of which there is one, or one for
// each node of a sharded cluster, one goroutine sends Redis the changes, and
// all topics after a reconnect, within a window of Redis's answers. Another
// goroutine reads.
//
// go-redis would reconnect without notice, and its channel of messages drops
// those that are not taken in time. So a connection is used until its first
// error and read with Receive.
//
// Safe for concurrent use. Neither mu nor publisher.mu is held when other code
// is called, and neither is taken while the other one is held.
type channels struct {
	client   redis.UniversalClient // for requests, which end with their contexts
	traffic  redis.UniversalClient // for messages and subscriptions; see channels_conn.go
	cfg      channelsConfig
	anchor   string // selects the node of a cluster that all messages use
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	out      publisher
	unrouted chan struct{} // wakes the goroutine that finds nodes for topics; nil if there is one node

	mu          sync.Mutex
	topics      map[topicName]*topic
	links       map[*redis.Client]*link    // by node; nil is the only node
	silent      map[*redis.Client]struct{} // nodes of a cluster that sendToShards skips
	unplaced    []*topic                   // topics without a node
	placing     int                        // further topics, for which route is finding nodes
	order       uint64                     // of the newest topic
	news        chan struct{}              // closed when a topic is subscribed or the state changes; nil unless a call waits for it
	broken      map[string]error           // errors by what fails now: publishing, subscribing
	disconnects uint64
	closed      bool
}

// The keys of channels.broken.
const (
	publishing  = "publish"
	subscribing = "subscribe"
)

type channelsConfig struct {
	sharded                   bool
	maxQueued, maxQueuedBytes int           // of each queue; 10,000 and 16 MiB when 0
	maxMessage                int           // bytes; 16 MiB when 0
	pingTime                  time.Duration // silence after which a connection is sent a PING; it is closed after another one; 2 s when 0
	logger                    *slog.Logger  // slog.Default() when nil
}

// channelsStats are counters since the start, and the state.
type channelsStats struct {
	published   uint64 // messages that Redis has taken
	lost        uint64 // messages that Redis has not taken, or may not have
	tooLarge    uint64 // messages that were refused because of their size
	disconnects uint64 // how often publishing or subscribing began to fail
	queued      int
	topics      int // that are subscribed to, or will be
	connected   bool
}

// run runs f on a goroutine. close waits for it.
func (c *channels) run(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.running.Go(f)
	}
}

// newChannels starts without topics. client must be a result of ownClient. It
// is used until close, which does not close it.
func newChannels(client redis.UniversalClient, cfg channelsConfig) *channels {
	orDefault(&cfg.maxQueued, 10_000)
	orDefault(&cfg.maxQueuedBytes, 16<<20)
	orDefault(&cfg.maxMessage, defaultMaxMessage)
	orDefault(&cfg.pingTime, 2*time.Second)
	cfg.logger = safelog.Wrap(cfg.logger)
	c := &channels{
		client: client, traffic: channelClient(client), cfg: cfg, anchor: cluster.NewUID(),
		topics: make(map[topicName]*topic), links: make(map[*redis.Client]*link), silent: make(map[*redis.Client]struct{}), broken: make(map[string]error),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.out.c, c.out.wake, c.out.drained, c.out.patience = c, make(chan struct{}, 1), make(chan struct{}), queueTime
	c.running.Go(c.out.run)
	if _, ok := client.(*redis.ClusterClient); ok && cfg.sharded {
		c.unrouted = make(chan struct{}, 1)
		c.running.Go(c.route)
	}
	return c
}

// stats returns the figures.
func (c *channels) stats() channelsStats {
	s := c.out.stats()
	c.mu.Lock()
	defer c.mu.Unlock()
	s.disconnects, s.topics = c.disconnects, len(c.topics)
	s.connected = len(c.broken) == 0 && c.subscribed()
	return s
}

// subscribed reports whether all connections are subscribed to their topics,
// except for recent changes. c.mu is held.
func (c *channels) subscribed() bool {
	for _, l := range c.links {
		if !l.up {
			return false
		}
	}
	return len(c.links) > 0 && (len(c.unplaced)+c.placing == 0 || c.broken[subscribing] == nil)
}

// note notes the outcome of publishing or subscribing, and logs changes.
func (c *channels) note(what string, err error) {
	c.mu.Lock()
	before := len(c.broken)
	if err != nil {
		if before == 0 {
			c.disconnects++
		}
		c.broken[what] = err
	} else {
		delete(c.broken, what)
	}
	after, closed := len(c.broken), c.closed
	c.announce()
	c.mu.Unlock()
	if !closed {
		c.log(what, err, before, after)
	}
}

// restored notes that all topics may be subscribed to now.
func (c *channels) restored() {
	c.mu.Lock()
	before := len(c.broken)
	if c.closed || c.broken[subscribing] == nil || !c.subscribed() {
		c.mu.Unlock()
		return
	}
	delete(c.broken, subscribing)
	after := len(c.broken)
	c.announce()
	c.mu.Unlock()
	c.log(subscribing, nil, before, after)
}

// log logs that publishing or subscribing began to fail, or that both work
// again.
func (c *channels) log(what string, err error, before, after int) {
	switch {
	case before == 0 && after > 0:
		c.cfg.logger.Warn("redisadapter: no connection to Redis; messages for other servers are lost", "to", what, "error", err)
	case before > 0 && after == 0:
		c.cfg.logger.Info("redisadapter: the connection is back", "lost", c.out.stats().lost)
	}
}

// each calls f with every topic, with c.mu held. It releases c.mu now and then.
// Topics that are added or removed then may be left out.
func (c *channels) each(f func(key topicName, t *topic)) {
	n := 0
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, t := range c.topics {
		f(key, t)
		if n++; n%stepCount == 0 {
			c.mu.Unlock()
			c.mu.Lock()
		}
	}
}

// stepCount is how many topics are processed before the lock is released.
const stepCount = 4096

// announce wakes the calls that wait for news. c.mu is held.
func (c *channels) announce() {
	if c.news != nil {
		close(c.news)
		c.news = nil
	}
}

// close sends the queued messages, for a second at most, and ends the
// goroutines. No receiver is called after it returns, so no receiver may call
// it.
func (c *channels) close() {
	c.out.flush(time.Second)
	c.mu.Lock()
	c.closed = true
	for _, l := range c.links {
		l.up = false
	}
	c.announce()
	c.mu.Unlock()
	c.cancel()
	if isOwn(c.client) {
		_ = c.traffic.Close() // ends writes
	}
	c.running.Wait()
}
