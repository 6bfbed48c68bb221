package redisadapter

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Channels in a Redis Cluster. A channel of PUBLISH belongs to the whole
// cluster. One of SPUBLISH belongs to the node that has its slot, and moves
// with the slot.

// reload has the clients read the state of the cluster again.
func (c *channels) reload() {
	for _, client := range []redis.UniversalClient{c.client, c.traffic} {
		if cluster, ok := client.(*redis.ClusterClient); ok {
			cluster.ReloadState(c.ctx)
		}
	}
}

// route is the goroutine that finds the nodes of topics.
func (c *channels) route() {
	for {
		select {
		case <-c.unrouted:
		case <-c.ctx.Done():
			return
		}
		for more := true; more; {
			c.mu.Lock()
			n := min(len(c.unplaced), stepCount)
			list := c.unplaced[:n:n]
			if c.unplaced = c.unplaced[n:]; len(c.unplaced) == 0 {
				c.unplaced = nil // frees the array
			}
			c.placing = n
			c.mu.Unlock()
			rest, err := c.place(list)
			c.mu.Lock()
			c.placing = 0
			if err != nil {
				c.unplaced = append(rest, c.unplaced...)
			}
			more = len(c.unplaced) > 0
			c.mu.Unlock()
			if err == nil {
				c.restored()
				continue
			}
			c.note(subscribing, err)
			c.reload()
			if !pause(c.ctx, retryTime) {
				return
			}
		}
	}
}

// place adds topics to the links to their nodes, and returns those that are
// left. It drops topics without receivers: there may be many before a node is
// found.
func (c *channels) place(list []*topic) (rest []*topic, err error) {
	c.mu.Lock()
	list = slices.DeleteFunc(list, func(t *topic) bool {
		if len(t.receivers) > 0 {
			return false
		}
		t.dirty = false
		c.forget(t)
		return true
	})
	c.announce()
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(c.ctx, answerTime)
	defer cancel()
	for i, t := range list {
		node, err := c.traffic.(*redis.ClusterClient).MasterForKey(ctx, t.name)
		if err != nil {
			return list[i:], err
		}
		c.mu.Lock()
		c.linkTo(node).take(t)
		c.mu.Unlock()
	}
	return nil, nil
}

// end ends the link to a node that has failed, and queues its topics for route.
func (l *link) end() {
	c := l.c
	c.mu.Lock()
	delete(c.links, l.node)
	c.mu.Unlock()
	c.each(func(key topicName, t *topic) {
		if t.link != l {
			return
		}
		t.link, t.requested, t.awaited, t.initial, t.dirty = nil, false, 0, false, true
		if len(t.receivers) == 0 {
			delete(c.topics, key)
			return
		}
		c.unplaced = append(c.unplaced, t)
	})
	c.reload()
	wake(c.unrouted)
}

// sendToShards sends each message to the node of its channel. A message that a
// node refuses because the channel has moved was not published, and is sent
// once more. A node that does not answer would delay the messages for all
// others: until it answers again, messages for it are not sent.
func (c *channels) sendToShards(ctx context.Context, batch []publication) (sent int, err error) {
	cluster := c.traffic.(*redis.ClusterClient)
	byNode := make(map[*redis.Client][]publication)
	for _, m := range batch {
		node, err := cluster.MasterForKey(ctx, m.channel)
		if err != nil {
			return 0, err
		}
		byNode[node] = append(byNode[node], m)
	}
	var sending sync.WaitGroup
	var mu sync.Mutex
	for node, messages := range byNode {
		if c.isSilent(node) {
			continue
		}
		sending.Go(func() {
			cmds := pipeline(ctx, node, true, messages)
			if _, e := outcome(cmds); isTimeout(e) {
				c.avoid(node, e)
			}
			for i, cmd := range cmds {
				if e := cmd.Err(); e != nil && (strings.HasPrefix(e.Error(), "MOVED ") || strings.HasPrefix(e.Error(), "ASK ")) {
					cmds[i] = cluster.SPublish(ctx, messages[i].channel, messages[i].payload)
				}
			}
			n, e := outcome(cmds)
			mu.Lock()
			defer mu.Unlock()
			sent += n
			if e != nil {
				err = e
			}
		})
	}
	sending.Wait()
	if err != nil {
		c.reload()
	}
	if sent > 0 {
		err = nil // other nodes work
	}
	return sent, err
}

func (c *channels) isSilent(node *redis.Client) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, silent := c.silent[node]
	return silent
}

// avoid has sendToShards skip a node because of err, until it answers or is no
// longer used.
func (c *channels) avoid(node *redis.Client, err error) {
	addr := node.Options().Addr
	c.cfg.logger.Warn("redisadapter: messages for a node of the Redis Cluster that does not answer are not sent", "node", addr, "error", err)
	c.mu.Lock()
	c.silent[node] = struct{}{}
	c.mu.Unlock()
	c.run(func() {
		for wait := retryTime; pause(c.ctx, wait); wait = min(2*wait, maxRetryTime) {
			if err := c.reach(node); err == nil || errors.Is(err, redis.ErrClosed) {
				break
			}
			c.reload() // another node may take its place
		}
		c.mu.Lock()
		delete(c.silent, node)
		closed := c.closed
		c.mu.Unlock()
		if !closed {
			c.cfg.logger.Info("redisadapter: messages for the node of the Redis Cluster are sent again", "node", addr)
		}
	})
}

// bySlot yields names of the same slot together.
func bySlot(names []string) func(yield func([]string) bool) {
	list := withSlots(names, func(name string) string { return name })
	return func(yield func([]string) bool) {
		for len(list) > 0 {
			var same []string
			for first := list[0].slot; len(list) > 0 && len(same) < subscribeCount && list[0].slot == first; list = list[1:] {
				same = append(same, list[0].item)
			}
			if !yield(same) {
				return
			}
		}
	}
}

// sortBySlot sorts topics by slot.
func sortBySlot(list []*topic) {
	for i, s := range withSlots(list, func(t *topic) string { return t.name }) {
		list[i] = s.item
	}
}

// inSlot is an item with its slot.
type inSlot[T any] struct {
	item T
	slot uint16
}

// withSlots returns a list sorted by slot.
func withSlots[T any](list []T, name func(T) string) []inSlot[T] {
	all := make([]inSlot[T], len(list))
	for i, item := range list {
		all[i] = inSlot[T]{item, slot(name(item))}
	}
	slices.SortStableFunc(all, func(a, b inSlot[T]) int { return cmp.Compare(a.slot, b.slot) })
	return all
}

// slot returns the slot of a key: the CRC-16 (XMODEM) of the text between the
// first brace and the next closing one if there is any, else of the key, modulo
// the number of slots.
func slot(key string) uint16 {
	if _, tag, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(tag, "}"); ok && tag != "" {
			key = tag
		}
	}
	var crc uint16
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % 16384
}
