package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

// network carries messages between the nodes of a test, in order for each pair
// of them. What it may be made to do must be set before it is used.
type network struct {
	counting bool                                         // its buses are Counters
	unnamed  bool                                         // of the reference's kind: responses have no UID and no parts
	most     int                                          // its buses are Sizers and Counters; no bound when 0
	copies   int                                          // how often each message arrives; once when 0
	delay    func(from, to string) time.Duration          // none when nil
	drop     func(to string, m *cluster.Message) bool     // nothing when nil
	count    func(ctx context.Context) (n int, err error) // instead of the true number

	mu   sync.Mutex
	ends map[string]*end // by UID

	afterClose int // calls of Publish
}

// end is a node's bus.
type end struct {
	network *network
	uid     string
	receive func(m *cluster.Message)
	links   map[string]*link // by sender; guarded by network.mu
	refuse  error            // what Publish returns; guarded by network.mu
	closed  bool

	parts, most, largest int // bytes of answers' parts on the way here, and how many there were at most
}

// countingEnd is a bus that counts.
type countingEnd struct{ *end }

// sizedEnd is a bus that bounds messages.
type sizedEnd struct{ countingEnd }

func (e sizedEnd) MaxMessage() int { return e.network.most }

// link is the way from one node to another: its goroutine lives while something
// is on its way.
type link struct {
	queue   []parcel
	running bool
}

type parcel struct {
	due time.Time
	b   []byte

	part bool
}

var errBusClosed = errors.New("the bus is closed")

func (w *network) open(uid string, receive func(m *cluster.Message)) (cluster.Bus, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ends == nil {
		w.ends = make(map[string]*end)
	}
	e := &end{network: w, uid: uid, receive: receive, links: make(map[string]*link)}
	w.ends[uid] = e
	switch {
	case w.most > 0:
		return sizedEnd{countingEnd{e}}, nil
	case w.counting:
		return countingEnd{e}, nil
	}
	return e, nil
}

func (e *end) Publish(m *cluster.Message) error {
	w := e.network
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.closed {
		w.afterClose++
		return errBusClosed
	}
	if e.refuse != nil {
		return e.refuse
	}
	out := *m
	if w.unnamed {
		out.Parts = 0
		if isResponse(m.Type) {
			out.UID = ""
		}
	}
	b, err := wire.AppendMessagePack(nil, &out)
	if err != nil {
		return err
	}
	if w.most > 0 && len(b) > w.most {
		return fmt.Errorf("%w: %w", cluster.ErrUnencodable, cluster.ErrTooLarge)
	}
	for uid, to := range w.ends { // the sender gets its own back
		if m.To == "" || m.To == uid {
			if w.drop == nil || !w.drop(uid, m) {
				to.carry(e.uid, b, m.Type == cluster.AnswerPart)
			}
		}
	}
	return nil
}

func isResponse(t cluster.MessageType) bool {
	switch t {
	case cluster.FetchSocketsResponse, cluster.ServerSideEmitResponse, cluster.BroadcastClientCount, cluster.BroadcastAck:
		return true
	}
	return false
}

// carry sends b to e. network.mu is held.
func (e *end) carry(from string, b []byte, part bool) {
	l := e.links[from]
	if l == nil {
		l = new(link)
		e.links[from] = l
	}
	due := time.Now()
	if e.network.delay != nil {
		due = due.Add(e.network.delay(from, e.uid))
	}
	for range max(e.network.copies, 1) {
		l.queue = append(l.queue, parcel{due, append([]byte(nil), b...), part})
		if part {
			e.parts += len(b)
			e.most, e.largest = max(e.most, e.parts), max(e.largest, len(b))
		}
	}
	if !l.running {
		l.running = true
		go e.deliver(l)
	}
}

func (e *end) deliver(l *link) {
	for {
		e.network.mu.Lock()
		if len(l.queue) == 0 || e.closed {
			l.running = false
			e.network.mu.Unlock()
			return
		}
		p := l.queue[0]
		l.queue = l.queue[1:]
		e.network.mu.Unlock()
		time.Sleep(time.Until(p.due))
		if p.part {
			e.network.mu.Lock()
			e.parts -= len(p.b)
			e.network.mu.Unlock()
		}
		m, err := wire.Decode(p.b)
		if err != nil {
			panic(err)
		}
		e.receive(m)
	}
}

func (e *end) Close() error {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	e.closed = true
	delete(e.network.ends, e.uid)
	return nil
}

func (e countingEnd) ServerCount(ctx context.Context) (int, error) {
	w := e.network
	if w.count != nil {
		return w.count(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ends), nil
}

// refuse makes a node's bus take nothing.
func (w *network) refuse(uid string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends[uid].refuse = err
}

// slow has each message take as long, from now on.
func (w *network) slow(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay = func(string, string) time.Duration { return d }
}

// onTheWay is how many bytes of parts were on the way to a node at most, and in
// one message.
func (w *network) onTheWay(uid string) (most, largest int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ends[uid].most, w.ends[uid].largest
}

// late is how often Publish was called after Close.
func (w *network) late() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.afterClose
}

// cut takes a node off the network without its knowing.
func (w *network) cut(uid string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends[uid].refuse = errBusClosed
	delete(w.ends, uid)
}

// inject hands a message to a node as if another one had sent it.
func (w *network) inject(to string, m cluster.Message) {
	w.mu.Lock()
	e := w.ends[to]
	w.mu.Unlock()
	if m.Namespace == "" {
		m.Namespace = "/"
	}
	e.receive(&m)
}

// members are nodes with the servers that they belong to.
type members struct {
	nodes  []*cluster.Node
	locals []*local
}

// join makes a cluster whose nodes, n0, n1 and so on, know each other. The
// requests of n0 are n0-1, n0-2 and so on.
func (w *network) join(t *testing.T, count int, cfg cluster.Config) *members {
	t.Helper()
	ms := new(members)
	cfg.Logger = slog.New(slog.DiscardHandler)
	for i := range count {
		cfg.UID = names(fmt.Sprint("n", i))
		l := newLocal(fmt.Sprint("n", i))
		n, err := cluster.New(l, cfg, w.open)
		if err != nil {
			t.Fatal(err)
		}
		ms.nodes, ms.locals = append(ms.nodes, n), append(ms.locals, l)
	}
	time.Sleep(time.Second) // of the bubble: everything has arrived
	return ms
}

func (ms *members) close(t *testing.T) {
	t.Helper()
	for i, n := range ms.nodes {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second) // what is on its way arrives
		s := n.Stats()
		if s.Requests != 0 || s.Asked != 0 || s.Queued != 0 || s.Parting != 0 {
			t.Errorf("node %d is closed and has %+v", i, s)
		}
	}
}

// names gives a node its name, and its requests theirs.
func names(node string) func() string {
	var mu sync.Mutex
	number := 0
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		if number++; number == 1 {
			return node
		}
		return fmt.Sprint(node, "-", number-1)
	}
}
