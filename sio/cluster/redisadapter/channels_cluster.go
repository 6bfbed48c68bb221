package redisadapter

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// What is particular to a Redis Cluster. A channel of PUBLISH is the whole cluster's;
// one of SPUBLISH lives on the node that has its slot, and moves with it.

// reload has the client look for changes of the cluster.
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
			n := min(len(c.homeless), stepCount)
			list := c.homeless[:n:n]
			if c.homeless = c.homeless[n:]; len(c.homeless) == 0 {
				c.homeless = nil // lets go of the array
			}
			c.placing = n
			c.mu.Unlock()
			rest, err := c.place(list)
			c.mu.Lock()
			c.placing = 0
			if err != nil {
				c.homeless = append(rest, c.homeless...)
			}
			more = len(c.homeless) > 0
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

// place gives topics to the links to their nodes, and returns those that are left.
// Those that nobody wants any more are dropped: there may be many before a node is found.
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

// end ends the link to a node that has failed, and has other homes found for its topics.
func (l *link) end() {
	c := l.c
	c.mu.Lock()
	delete(c.links, l.node)
	c.mu.Unlock()
	c.each(func(key topicName, t *topic) {
		if t.link != l {
			return
		}
		t.link, t.told, t.awaited, t.initial, t.dirty = nil, false, 0, false, true
		if len(t.receivers) == 0 {
			delete(c.topics, key)
			return
		}
		c.homeless = append(c.homeless, t)
	})
	c.reload()
	wake(c.unrouted)
}

// sendToShards sends each message to the node of its channel. What a node has refused
// because the channel has moved was not published and is sent once more.
func (c *channels) sendToShards(ctx context.Context, batch []publication) (sent int, err error) {
	cluster := c.traffic.(*redis.ClusterClient)
	parts := make(map[*redis.Client][]publication)
	for _, m := range batch {
		node, err := cluster.MasterForKey(ctx, m.channel)
		if err != nil {
			return 0, err
		}
		parts[node] = append(parts[node], m)
	}
	var sending sync.WaitGroup
	var mu sync.Mutex
	for node, part := range parts {
		sending.Go(func() {
			cmds := pipeline(ctx, node, true, part)
			for i, cmd := range cmds {
				if e := cmd.Err(); e != nil && (strings.HasPrefix(e.Error(), "MOVED ") || strings.HasPrefix(e.Error(), "ASK ")) {
					cmds[i] = cluster.SPublish(ctx, part[i].channel, part[i].payload)
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
		err = nil // others go on
	}
	return sent, err
}

// bySlot yields names that are in one slot together.
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

// sortBySlot brings those in one slot together.
func sortBySlot(list []*topic) {
	for i, s := range withSlots(list, func(t *topic) string { return t.name }) {
		list[i] = s.item
	}
}

// inSlot is something in a slot.
type inSlot[T any] struct {
	item T
	slot uint16
}

// withSlots is a list in the order of slots.
func withSlots[T any](list []T, name func(T) string) []inSlot[T] {
	all := make([]inSlot[T], len(list))
	for i, item := range list {
		all[i] = inSlot[T]{item, slot(name(item))}
	}
	slices.SortStableFunc(all, func(a, b inSlot[T]) int { return cmp.Compare(a.slot, b.slot) })
	return all
}

// slot is the slot of a key: CRC-16 (XMODEM) of what is between the first brace and the
// next closing one, if anything is, else of all, modulo the number of slots.
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
