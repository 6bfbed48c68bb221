//go:build linux

package link

import (
	"fmt"
	"time"
)

const (
	sample = 1000            // rooms that are looked at
	round  = 2 * time.Second // in which what is emitted to the sample arrives, or never
)

// channels puts clients of one server into very many rooms, cuts its line once,
// and emits to a sample of them from the other until all are reached again.
var channels = Case{Name: "channels", Needs: []string{"clients", "rooms"}, nodes: 2, try: func(t *trial) error {
	a, b := t.nodes[0], t.nodes[1]
	if err := t.dialAll(b, t.Clients, ""); err != nil {
		return err
	}
	t.progress("clients join rooms")
	began := time.Now()
	joined, err := t.order(b, "join", "count", t.Rooms)
	if err != nil {
		return fmt.Errorf("joining rooms: %w", err)
	}
	if joined.Count != t.Rooms {
		return fmt.Errorf("%d of %d rooms joined: %s", joined.Count, t.Rooms, joined.Error)
	}
	if err := t.reach(a, "joined"); err != nil {
		return fmt.Errorf("what is emitted does not reach all rooms: %w", err)
	}
	t.Figures["join_s"] = time.Since(began).Seconds()
	t.progress("a cut")
	before := b.counters()["Cluster.Disconnects"]
	cut := time.Now()
	b.line.Cut()
	err = t.reach(a, "cut")
	t.Figures["again_s"] = time.Since(cut).Seconds()
	cuts := b.counters()["Cluster.Disconnects"] - before
	again := "again after " + seconds(time.Since(cut))
	if err != nil {
		again = "never again"
	}
	t.Figures["disconnects"] = cuts
	t.Shown = fmt.Sprintf("%d rooms joined in %.1f s; cut once: %s, %.0f disconnects", t.Rooms, t.Figures["join_s"], again, cuts)
	if cuts > 1 {
		t.wrong("one cut has become %.0f", cuts)
	}
	return err
}}

// reach emits to the sample, round after round, until all of one round has
// arrived.
func (t *trial) reach(from *node, what string) error {
	rooms := min(sample, t.Rooms)
	for i := 0; ; i++ {
		stream := fmt.Sprint(what, i)
		if _, err := t.order(from, "rooms", "stream", stream, "count", rooms, "step", t.Rooms/rooms); err != nil {
			return err
		}
		for began := time.Now(); time.Since(began) < round; time.Sleep(look) {
			now := t.reached(stream)
			if now == rooms {
				return nil
			}
			if now == 0 && time.Since(began) > round/10 {
				break
			}
		}
	}
}

// reached is how many events of a stream have arrived at all clients together.
func (t *trial) reached(stream string) (count int) {
	for _, c := range t.clients {
		count += len(c.got(stream))
	}
	return count
}
