package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

// bus carries messages between the nodes, in order for each pair of them. Its
// faults are those of Pub/Sub and of streams: it delays, loses what it is to
// carry between two nodes while they are cut off from each other, and delivers
// some messages twice: those that a node must count once.
type bus struct {
	w *World

	mu    sync.Mutex // guards what follows, and is the last lock to be taken
	ends  []*busEnd
	links []*link
	apart map[[2]int]bool // pairs of nodes
	cut   time.Time       // when a node was last cut off, or has died
}

// hub is the side of one life of a node.
type hub struct {
	bus  *bus
	node *node
	life int  // of the node
	dead bool // guarded by bus.mu
}

// busEnd is the bus of one namespace of one node.
type busEnd struct {
	*hub
	nsp, uid string
	receive  func(m *cluster.Message)
	since    time.Time
	closed   bool // guarded by bus.mu
}

// countingEnd is a bus that knows the number of nodes.
type countingEnd struct{ *busEnd }

type link struct {
	from, to *busEnd
	key      string
	queue    []parcel
	random   *rand.Rand // of the delays
}

type parcel struct {
	due    time.Time
	data   []byte
	action *action
}

func (w *World) newHub(n *node) *hub { return &hub{bus: w.bus, node: n, life: n.lives} }

func (h *hub) adapter(local adapter.Local) adapter.Adapter {
	cfg := cluster.Config{Logger: slog.New(slog.DiscardHandler)}
	n, err := cluster.New(local, cfg, func(uid string, receive func(m *cluster.Message)) (cluster.Bus, error) {
		e := &busEnd{hub: h, nsp: local.Namespace(), uid: uid, receive: receive, since: time.Now()}
		h.bus.mu.Lock()
		h.bus.ends = append(h.bus.ends, e)
		h.bus.mu.Unlock()
		if h.bus.w.opt.Counting {
			return countingEnd{e}, nil
		}
		return e, nil
	})
	if err != nil {
		h.bus.w.failf("cluster.New: %v", err)
	}
	return n
}

// Publish implements cluster.Bus.
func (e *busEnd) Publish(m *cluster.Message) error {
	b := e.bus
	data, err := wire.Append(nil, m)
	if err != nil {
		return err
	}
	p := parcel{data: data}
	switch m.Type {
	case cluster.SocketsJoin, cluster.SocketsLeave, cluster.DisconnectSockets:
		p.action = b.w.current // the caller holds the world's mutex
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.dead || e.closed {
		return nil
	}
	for _, to := range b.ends {
		if to.node == e.node || to.nsp != e.nsp || to.closed || m.To != "" && m.To != to.uid || b.apart[pair(e.node, to.node)] {
			continue
		}
		l := b.link(e, to)
		p.due = time.Now().Add(time.Duration(l.random.Int64N(int64(b.w.opt.BusDelay) + 1)))
		if k := len(l.queue); k > 0 && l.queue[k-1].due.After(p.due) {
			p.due = l.queue[k-1].due
		}
		l.queue = append(l.queue, p)
		if countsOnce(m.Type) && l.random.Float64() < b.w.opt.Double {
			l.queue = append(l.queue, p)
		}
	}
	b.w.poke()
	return nil
}

// countsOnce reports whether a message may come twice. Broadcasts and their
// acknowledgements may not: they have no numbers by which a node could tell.
func countsOnce(t cluster.MessageType) bool {
	switch t {
	case cluster.Broadcast, cluster.BroadcastAck, cluster.ServerSideEmit:
		return false
	}
	return true
}

func pair(a, b *node) [2]int { return [2]int{min(a.index, b.index), max(a.index, b.index)} }

// link returns the way between two ends. Links are sorted, and each has delays
// of its own, so that the order in which goroutines publish makes no
// difference.
func (b *bus) link(from, to *busEnd) *link {
	key := fmt.Sprintf("%s %d.%d %d.%d", from.nsp, from.node.index, from.life, to.node.index, to.life)
	i, found := slices.BinarySearchFunc(b.links, key, func(l *link, key string) int { return strings.Compare(l.key, key) })
	if found && b.links[i].from == from && b.links[i].to == to {
		return b.links[i]
	}
	l := &link{from: from, to: to, key: key, random: rand.New(rand.NewPCG(b.w.seed, uint64(len(key))<<32+uint64(crc32.ChecksumIEEE([]byte(key)))))}
	b.links = slices.Insert(b.links, i, l)
	return l
}

// Close implements cluster.Bus.
func (e *busEnd) Close() error {
	e.bus.mu.Lock()
	defer e.bus.mu.Unlock()
	e.bus.remove(e)
	return nil
}

// remove forgets a node's bus. What it has sent still arrives. mu is held.
func (b *bus) remove(e *busEnd) {
	e.closed = true
	b.ends = slices.DeleteFunc(b.ends, func(other *busEnd) bool { return other == e })
	b.links = slices.DeleteFunc(b.links, func(l *link) bool { return l.to == e })
}

// ServerCount implements cluster.Counter.
func (e countingEnd) ServerCount(context.Context) (n int, err error) {
	e.bus.mu.Lock()
	defer e.bus.mu.Unlock()
	for _, other := range e.bus.ends {
		if other.nsp == e.nsp {
			n++
		}
	}
	return n, nil
}

// kill takes a node off the bus without a word.
func (b *bus) kill(h *hub) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h.dead = true
	b.cut = time.Now()
	for _, e := range slices.Clone(b.ends) {
		if e.hub == h {
			b.remove(e)
		}
	}
}

// part cuts two nodes off from each other, or connects them.
func (b *bus) part(a, c *node, on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut = time.Now()
	if on {
		b.apart[pair(a, c)] = true
	} else {
		delete(b.apart, pair(a, c))
	}
}

// next is how long it takes until a message is due.
func (b *bus) next() (d time.Duration, any bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.links {
		if len(l.queue) > 0 {
			if left := time.Until(l.queue[0].due); !any || left < d {
				d, any = left, true
			}
		}
	}
	return max(d, 0), any
}

// deliver delivers one message that is due. It is called on the world's
// goroutine.
func (b *bus) deliver() bool {
	b.mu.Lock()
	var due []*link
	for _, l := range b.links {
		if len(l.queue) > 0 && !l.queue[0].due.After(time.Now()) {
			due = append(due, l)
		}
	}
	if len(due) == 0 {
		b.mu.Unlock()
		return false
	}
	l := due[b.w.random.IntN(len(due))]
	p := l.queue[0]
	l.queue = l.queue[1:]
	lost := b.apart[pair(l.from.node, l.to.node)] || l.to.closed
	b.mu.Unlock()
	w, n := b.w, l.to.node
	if lost {
		return true
	}
	m, err := wire.Decode(p.data)
	if err != nil {
		w.failf("wire.Decode: %v", err)
		return true
	}
	w.record(fmt.Sprintf("bus: type %d of node %d to node %d, %s", m.Type, l.from.node.index, n.index, m.Namespace))
	act := p.action
	if m.Type == cluster.Broadcast {
		act = w.broadcastOf(m)
	}
	if act != nil {
		w.mu.Lock()
		if act.sel.local || act.message != nil && act.message.target.local {
			w.fail("a local operation reaches another node")
		}
		act = &action{op: act.op, nsp: act.nsp, sel: act.sel, message: act.message}
		n.begin(act)
		w.mu.Unlock()
	}
	l.to.receive(m)
	if act != nil {
		w.mu.Lock()
		n.finish(act)
		w.mu.Unlock()
	}
	return true
}

// broadcastOf finds the message that the servers broadcast.
func (w *World) broadcastOf(m *cluster.Message) *action {
	var h messageHead
	if len(m.Packet.Args) > 0 {
		b, err := json.Marshal(m.Packet.Args[0])
		if err == nil {
			err = json.Unmarshal(b, &h)
		}
		if err != nil {
			w.failf("broadcast %v: %v", m.Packet.Args, err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	msg := w.messages[h]
	if msg == nil {
		w.fail(fmt.Sprintf("broadcast %v on the bus was never emitted", h))
		return nil
	}
	return &action{message: msg}
}

// busTrouble reports whether the nodes of a namespace may not know of each
// other.
func (w *World) busTrouble(nsp string) bool {
	if w.bus == nil {
		return false
	}
	w.bus.mu.Lock()
	defer w.bus.mu.Unlock()
	for _, e := range w.bus.ends {
		if e.nsp == nsp && time.Since(e.since) < 10*time.Second {
			return true
		}
	}
	return len(w.bus.apart) > 0 || time.Since(w.bus.cut) < time.Minute
}
