package redisadapter

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// members are the namespaces of one process whose messages go by channels. Safe for
// concurrent use.
type members struct {
	client   redis.UniversalClient // its own
	channels *channels
	invalid  atomic.Uint64 // payloads that could not be understood
	dropped  atomic.Uint64 // what nodes have not heard of

	end sync.Once

	mu    sync.Mutex
	nodes map[*cluster.Node]struct{}
	past  cluster.Stats // counters of those that were closed
}

func newMembers(client redis.UniversalClient, cfg channelsConfig) *members {
	client = own(client)
	return &members{client: client, channels: newChannels(client, cfg), nodes: make(map[*cluster.Node]struct{})}
}

// add makes a namespace a member. cfg was validated. open's bus waits for room until
// ended is closed.
func (ms *members) add(local adapter.Local, cfg cluster.Config, open func(uid string, receive func(m *cluster.Message), ended <-chan struct{}) cluster.Bus) adapter.Adapter {
	ended := make(chan struct{})
	n, err := cluster.New(local, cfg, func(uid string, receive func(m *cluster.Message)) (cluster.Bus, error) {
		return open(uid, receive, ended), nil
	})
	if err != nil {
		panic(fmt.Sprint("redisadapter: a configuration that was validated: ", err))
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.nodes[n] = struct{}{}
	return &member{Node: n, of: ms, end: sync.OnceFunc(func() { close(ended) })}
}

// member is a node that is counted among the others.
type member struct {
	*cluster.Node
	of  *members
	end func() // ends the waiting for room
}

// Close implements adapter.Adapter. What waits for room in a queue is not waited for.
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

// refuse counts a payload that is not understood.
func (ms *members) refuse(channel string, err error) {
	ms.invalid.Add(1)
	ms.channels.cfg.logger.Debug("redisadapter: invalid message", "channel", channel, "error", err)
}

// close ends everything; only the first call has something to do.
func (ms *members) close() (err error) {
	ms.end.Do(func() {
		ms.channels.close()
		err = ms.client.Close()
	})
	return err
}

// validate checks what PubSub, Sharded and Streams have in common.
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
