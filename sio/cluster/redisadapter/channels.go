package redisadapter

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/cluster"
)

var (
	// ErrAway is returned for what can't be sent, or asked, because there is no connection
	// to Redis, or it does not answer.
	ErrAway = errors.New("redisadapter: not connected")
	// ErrQueueFull is returned for what can't be sent because too much waits for Redis.
	// Unless Redis is away the error is a [cluster.ErrOverloaded], too.
	ErrQueueFull = errors.New("redisadapter: too much waits for Redis")
	// ErrClosed is returned for what can't be sent because Close was called.
	ErrClosed = errors.New("redisadapter: closed")
)

// channels publishes to channels of Redis and receives from them, for one process:
// by PUBLISH and SUBSCRIBE, or, when it is sharded, by SPUBLISH and SSUBSCRIBE.
//
// Publishing is two bounded queues and one goroutine that sends what is in them, many
// messages at once, each at most once. Subscribing changes what is wanted; one
// goroutine a connection, of which there is one, or one for each node of a cluster
// that is sharded, tells Redis the difference, and all of it after a reconnect, so
// much at once as Redis's answers have room for. Another one reads.
//
// go-redis would reconnect by itself, but tells nobody; its channel of messages
// drops what is not taken in time. So a connection is used until its first error
// and read with Receive.
//
// Safe for concurrent use. Neither mu nor publisher.mu is held when anything is called,
// and neither is taken with the other one held.
type channels struct {
	client   redis.UniversalClient // for requests, which end with their contexts
	traffic  redis.UniversalClient // for messages and subscriptions; paced
	cfg      channelsConfig
	anchor   string // picks the node that everything goes through in a cluster
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	out      publisher
	unrouted chan struct{} // wakes the goroutine that finds nodes for topics; nil when there is one only

	mu          sync.Mutex
	topics      map[topicName]*topic
	links       map[*redis.Client]*link // by node; one by nil
	homeless    []*topic                // topics whose node is to be found
	placing     int                     // how many more there are, which are being placed
	order       uint64                  // of the newest topic
	news        chan struct{}           // closed when a topic is settled or the state has changed; nil unless it is waited for
	broken      map[string]error        // what does not work now: publishing, subscribing
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
	pingTime                  time.Duration // after which a silent connection is asked, and given up after two; 2 s when 0
	logger                    *slog.Logger  // slog.Default() when nil
}

// channelsStats are counters since the start, and the state.
type channelsStats struct {
	published   uint64 // messages that Redis has taken
	lost        uint64 // messages that it has not, or whose outcome is not known
	tooLarge    uint64 // messages that were refused because of their size
	disconnects uint64 // how often publishing or subscribing began to fail
	queued      int
	topics      int // that are subscribed to, or shall be
	connected   bool
}

// run has f run until close, which waits for it.
func (c *channels) run(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.running.Go(f)
	}
}

// newChannels starts with nothing subscribed. client must be one that own has made;
// it is used until close, and not closed.
func newChannels(client redis.UniversalClient, cfg channelsConfig) *channels {
	orDefault(&cfg.maxQueued, 10_000)
	orDefault(&cfg.maxQueuedBytes, 16<<20)
	orDefault(&cfg.maxMessage, defaultMaxMessage)
	orDefault(&cfg.pingTime, 2*time.Second)
	if cfg.logger == nil {
		cfg.logger = slog.Default()
	}
	c := &channels{
		client: client, traffic: paced(client), cfg: cfg, anchor: cluster.NewUID(),
		topics: make(map[topicName]*topic), links: make(map[*redis.Client]*link), broken: make(map[string]error),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.out.c, c.out.wake, c.out.drained, c.out.patience = c, make(chan struct{}, 1), make(chan struct{}), roomTime
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

// subscribed reports whether all connections carry what they shall, apart from
// recent changes. c.mu is held.
func (c *channels) subscribed() bool {
	for _, l := range c.links {
		if !l.up {
			return false
		}
	}
	return len(c.links) > 0 && (len(c.homeless)+c.placing == 0 || c.broken[subscribing] == nil)
}

// note is told the outcome of what was tried with Redis: it logs changes.
func (c *channels) note(part string, err error) {
	c.mu.Lock()
	before := len(c.broken)
	if err != nil {
		if before == 0 {
			c.disconnects++
		}
		c.broken[part] = err
	} else {
		delete(c.broken, part)
	}
	after, closed := len(c.broken), c.closed
	c.announce()
	c.mu.Unlock()
	if !closed {
		c.log(part, err, before, after)
	}
}

// restored is called when what was missing may be subscribed to, or not be wanted any
// more.
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

// log tells that the first of the parts is broken, or that none is any more.
func (c *channels) log(part string, err error, before, after int) {
	switch {
	case before == 0 && after > 0:
		c.cfg.logger.Warn("redisadapter: there is no connection; what is published meanwhile is lost for other servers", "to", part, "error", err)
	case before > 0 && after == 0:
		c.cfg.logger.Info("redisadapter: the connection is back", "lost", c.out.stats().lost)
	}
}

// each calls f with every topic, with c.mu held. It lets go of c.mu now and then; topics
// that come and go then may be left out.
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

// stepCount is how many topics are dealt with before others may have the lock.
const stepCount = 4096

// announce wakes those who wait for news. c.mu is held.
func (c *channels) announce() {
	if c.news != nil {
		close(c.news)
		c.news = nil
	}
}

// close sends what waits for Redis, for a second at most, and ends everything.
// Nothing is received after it has returned, so no receiver may call it.
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
	if isPaced(c.client) {
		_ = c.traffic.Close() // ends what is being written
	}
	c.running.Wait()
}
