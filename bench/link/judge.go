//go:build linux

package link

import (
	"context"
	"fmt"
	"time"
)

// sent is a stream of events that one server has emitted, and where they are
// expected.
type sent struct {
	stream string
	count  int // taken by the server
	at     []*node
}

// tally is what a client has got of a stream.
type tally struct {
	arrived, disordered, doubled int
	seen                         map[int]bool // by number
	last                         time.Time
}

func (c *client) tally(stream string) (t tally) {
	t.seen = map[int]bool{}
	highest := -1
	for _, a := range c.got(stream) {
		switch {
		case t.seen[a.number]:
			t.doubled++
			continue
		case a.number < highest:
			t.disordered++
		}
		t.seen[a.number] = true
		highest = max(highest, a.number)
		t.last = a.at
	}
	t.arrived = len(t.seen)
	return t
}

// live is how long after a moment the first event arrived that was sent after
// it.
func (c *client) live(stream string, since time.Time) (after time.Duration, ok bool) {
	for _, a := range c.got(stream) {
		if a.sent.After(since) {
			return a.at.Sub(since), true
		}
	}
	return 0, false
}

// await waits until done returns true, or nothing has arrived at any watcher
// for long, or the time is over.
func (t *trial) await(done func() bool) error {
	activity, since := -1, time.Now()
	for !done() {
		now := 0
		for _, n := range t.nodes {
			n.watcher.mu.Lock()
			for _, list := range n.watcher.arrivals {
				now += len(list)
			}
			n.watcher.mu.Unlock()
			if err := n.Ended(); err != nil {
				return err
			}
		}
		if now != activity {
			activity, since = now, time.Now()
		}
		if time.Since(since) > patience {
			return nil
		}
		select {
		case <-time.After(look):
		case <-t.ctx.Done():
			return context.Cause(t.ctx)
		}
	}
	return nil
}

// arrive waits until the streams are where they should be.
func (t *trial) arrive(streams ...*sent) error {
	return t.await(func() bool {
		for _, s := range streams {
			for _, n := range s.at {
				if len(n.watcher.got(s.stream)) < s.count {
					return false
				}
			}
		}
		return true
	})
}

// judge checks the streams: the order, doubles, and that at least as many
// events are counted as lost as are missing anywhere.
func (t *trial) judge(streams ...*sent) {
	missing := 0
	for _, s := range streams {
		everywhere := make([]int, s.count) // by number: where it has arrived
		for _, n := range s.at {
			got := n.watcher.tally(s.stream)
			if got.disordered > 0 {
				t.wrong("%d of %d events %q came behind later ones at server %s", got.disordered, got.arrived, s.stream, t.name(n))
			}
			if got.doubled > 0 {
				t.wrong("%d events %q came twice at server %s", got.doubled, s.stream, t.name(n))
			}
			for number := range got.seen {
				if number < s.count {
					everywhere[number]++
				}
			}
		}
		for _, places := range everywhere {
			if places < len(s.at) {
				missing++
			}
		}
	}
	t.Figures["missing"] += float64(missing)
	counted, told := 0, false
	for _, n := range t.nodes {
		of, says := t.counted(n.counters())
		counted, told = counted+of, told || says
	}
	t.Figures["counted"] = float64(counted)
	if missing > counted && !told {
		t.wrong("%d events are missing, and %d are counted", missing, counted)
	}
}

// complete reports what is missing although nothing should be.
func (t *trial) complete(streams ...*sent) {
	for _, s := range streams {
		for _, n := range s.at {
			if got := n.watcher.tally(s.stream); got.arrived < s.count {
				t.wrong("%d of %d events %q have arrived at server %s", got.arrived, s.count, s.stream, t.name(n))
			}
		}
	}
}

// outages is how often servers were disconnected from Redis, by their own
// counters.
func (t *trial) outages() (count float64) {
	for _, n := range t.nodes {
		if moved := n.counters(); t.streams {
			count += moved["Cluster.Lost"]
		} else {
			count += moved["Cluster.Disconnects"]
		}
	}
	return count
}

// connected reports which servers have lost their connection to Redis although
// the harness has not cut it.
func (t *trial) connected() {
	for _, n := range t.nodes {
		moved := n.counters()
		for _, name := range []string{"Cluster.Disconnects", "Cluster.Channels.Disconnects"} {
			if times := moved[name]; times > 0 {
				t.wrong("server %s has lost its connection to Redis, %.0f times", t.name(n), times)
			}
		}
	}
}

// name is the name of a server: a for the first.
func (t *trial) name(n *node) string {
	for i := range t.nodes {
		if t.nodes[i] == n {
			return string(rune('a' + i))
		}
	}
	return "?"
}

// conclude records what the servers hold and have counted, and whether their
// watchers are still connected.
func (t *trial) conclude() {
	t.Figures["rss_peak_B"] = float64(t.peak())
	if t.redis != nil {
		if cuts := t.redis.Wrote("overcoming of output buffer limits"); cuts > 0 {
			t.Figures["redis_cuts"] = float64(cuts)
			t.wrong("Redis has cut a server off %d times, because more waited for it than Redis keeps", cuts)
		}
	}
	t.Figures["outages"] = t.outages()
	t.Moved = map[string]float64{}
	for _, n := range t.nodes {
		if n.watcher == nil || n.first == nil {
			continue
		}
		select {
		case <-n.watcher.ended:
			t.wrong("the client of server %s is disconnected", t.name(n))
		default:
		}
		for name, by := range n.counters() {
			if count, told := t.counted(map[string]float64{name: by}); count != 0 || told {
				t.Moved[name] += by
			}
		}
	}
}

// seconds formats a time for tables.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
