package redis

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	goredis "github.com/redis/go-redis/v9"
)

// What is particular to a Redis Cluster. A channel of PUBLISH is the whole cluster's;
// one of SPUBLISH lives on the node that has its slot, and moves with it.

// reload has the client look for changes of the cluster.
func (c *channels) reload() {
	if cluster, ok := c.client.(*goredis.ClusterClient); ok {
		cluster.ReloadState(c.ctx)
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
		for {
			c.mu.Lock()
			list := c.homeless
			c.homeless = nil
			c.mu.Unlock()
			rest, err := c.place(list)
			if err == nil {
				break
			}
			c.mu.Lock()
			c.homeless = append(rest, c.homeless...)
			c.mu.Unlock()
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
		node, err := c.client.(*goredis.ClusterClient).MasterForKey(ctx, t.name)
		if err != nil {
			return list[i:], err
		}
		c.mu.Lock()
		t.link = c.linkTo(node)
		t.link.dirty = append(t.link.dirty, t)
		wake(t.link.wake)
		c.mu.Unlock()
	}
	return nil, nil
}

// end ends the link to a node that has failed, and has other homes found for its topics.
func (l *link) end() bool {
	c := l.c
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.links, l.node)
	for key, t := range c.topics {
		if t.link != l {
			continue
		}
		t.link, t.told, t.awaited, t.dirty = nil, false, 0, true
		if len(t.receivers) == 0 {
			delete(c.topics, key)
			continue
		}
		c.homeless = append(c.homeless, t)
	}
	c.reload()
	wake(c.unrouted)
	return true
}

// sendToShards sends each message to the node of its channel. What a node has refused
// because the channel has moved was not published and is sent once more.
func (c *channels) sendToShards(ctx context.Context, batch []publication) (sent int, err error) {
	cluster := c.client.(*goredis.ClusterClient)
	parts := make(map[*goredis.Client][]publication)
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
	type place struct {
		name string
		slot uint16
	}
	list := make([]place, len(names))
	for i, name := range names {
		list[i] = place{name, slot(name)}
	}
	slices.SortStableFunc(list, func(a, b place) int { return cmp.Compare(a.slot, b.slot) })
	return func(yield func([]string) bool) {
		for len(list) > 0 {
			var same []string
			for len(list) > 0 && len(same) < subscribeCount && (len(same) == 0 || list[0].slot == slot(same[0])) {
				same = append(same, list[0].name)
				list = list[1:]
			}
			if !yield(same) {
				return
			}
		}
	}
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
