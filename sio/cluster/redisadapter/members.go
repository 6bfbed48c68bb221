package redisadapter

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// members holds the nodes of one process, one for each namespace, and the
// channels that they share. Safe for concurrent use.
type members struct {
	client   redis.UniversalClient // its own
	channels *channels
	invalid  atomic.Uint64 // malformed payloads
	dropped  atomic.Uint64 // dropped before a node got it

	end sync.Once

	mu    sync.Mutex
	nodes map[*cluster.Node]struct{}
	past  cluster.Stats // counters of closed nodes
}

func newMembers(client redis.UniversalClient, cfg channelsConfig) *members {
	client = ownClient(client)
	return &members{client: client, channels: newChannels(client, cfg), nodes: make(map[*cluster.Node]struct{})}
}

// add makes a node for a namespace. cfg was validated. The bus of open stops
// waiting for a full queue when ended is closed.
func (ms *members) add(local adapter.Local, cfg cluster.Config, open func(uid string, receive func(m *cluster.Message), ended <-chan struct{}) cluster.Bus) adapter.Adapter {
	ended := make(chan struct{})
	n, err := cluster.New(local, cfg, func(uid string, receive func(m *cluster.Message)) (cluster.Bus, error) {
		return open(uid, receive, ended), nil
	})
	if err != nil {
		panic(fmt.Sprint("redisadapter: an invalid configuration after Validate: ", err))
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.nodes[n] = struct{}{}
	return &member{Node: n, of: ms, end: sync.OnceFunc(func() { close(ended) })}
}

// member is a node that members counts.
type member struct {
	*cluster.Node
	of  *members
	end func() // closes ended
}

// Close implements adapter.Adapter. It ends the calls that wait for a full
// queue.
func (m *member) Close() error {
	m.end()
	err := m.Node.Close()
	m.of.mu.Lock()
	defer m.of.mu.Unlock()
	if _, known := m.of.nodes[m.Node]; known {
		delete(m.of.nodes, m.Node)
		s := m.Node.Stats()
		s.Nodes, s.Requests, s.Asked, s.Queued = 0, 0, 0, 0
		m.of.past = m.of.past.Plus(s)
	}
	return err
}

func (ms *members) stats() Stats {
	c := ms.channels.stats()
	ms.mu.Lock()
	defer ms.mu.Unlock()
	nodes := ms.past
	for n := range ms.nodes {
		nodes = nodes.Plus(n.Stats())
	}
	return Stats{
		Published: c.published, Lost: c.lost, TooLarge: c.tooLarge, Disconnects: c.disconnects,
		Received: nodes.Received - nodes.Invalid, Invalid: nodes.Invalid + ms.invalid.Load(),
		Dropped: nodes.Dropped + ms.dropped.Load(),
		Queued:  c.queued, Channels: c.topics, Connected: c.connected,
		Nodes: nodes,
	}
}

// refuse counts a malformed payload.
func (ms *members) refuse(channel string, err error) {
	ms.invalid.Add(1)
	ms.channels.cfg.logger.Debug("redisadapter: invalid message", "channel", channel, "error", err)
}

// close closes everything. Only the first call has an effect.
func (ms *members) close() (err error) {
	ms.end.Do(func() {
		ms.channels.close()
		err = ms.client.Close()
	})
	return err
}

// validate checks the fields that all configurations have.
func validate(name string, node cluster.Config, maxQueued, maxQueuedBytes, maxMessage int) error {
	switch {
	case maxMessage < 0, maxMessage > largestMessage:
		return fmt.Errorf("redisadapter: %s.MaxMessageBytes is %d; it must be positive and at most %d, or 0 for the default", name, maxMessage, largestMessage)
	case maxQueued < 0:
		return fmt.Errorf("redisadapter: %s.MaxQueued is %d; it must be positive, or 0 for the default", name, maxQueued)
	case maxQueuedBytes < 0:
		return fmt.Errorf("redisadapter: %s.MaxQueuedBytes is %d; it must be positive, or 0 for the default", name, maxQueuedBytes)
	}
	if err := node.Validate(); err != nil {
		return fmt.Errorf("redisadapter: %s.Node: %w", name, err)
	}
	return nil
}

// Stats are the counters of a [PubSub] or [Sharded] since it was made, and
// gauges.
type Stats struct {
	// Published counts messages that Redis has taken.
	Published uint64
	// Lost counts messages that Redis has not taken, or not confirmed in time:
	// Redis was away or refused them, or the queue was full.
	Lost uint64
	// TooLarge counts messages larger than MaxMessageBytes: the emit has
	// failed, or the answer was not sent.
	TooLarge uint64
	// Received counts messages of other servers, Invalid malformed ones.
	Received, Invalid uint64
	// Dropped counts requests, events and answers of other servers beyond the
	// bounds of cluster.Config.
	Dropped uint64
	// Disconnects counts outages: how often publishing or subscribing began to
	// fail, also if there was no connection before.
	Disconnects uint64

	// Queued is the number of messages that wait for Redis.
	Queued int
	// Channels is the number of channels and patterns that are subscribed to or
	// will be.
	Channels int
	// Connected reports whether the last attempt to publish has succeeded and
	// all channels are subscribed to.
	Connected bool
	// Nodes has the sums over all namespaces. Its Published counts messages
	// that were queued, its Lost those that were not.
	Nodes cluster.Stats
}
