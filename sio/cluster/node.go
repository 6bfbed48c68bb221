package cluster

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// Node is one namespace of one server as a member of the cluster. It implements
// [adapter.Adapter]. Safe for concurrent use.
type Node struct {
	local     adapter.Local
	namespace string
	cfg       Config
	uid       string
	instance  string       // see Message
	twinLog   atomic.Int64 // when another node with the UID was logged; 0 before
	bus       Bus
	counter   Counter       // nil when the nodes send heartbeats
	opened    chan struct{} // closed when bus and counter are set
	closed    atomic.Bool
	gate      gate            // around Bus.Publish
	ctx       context.Context // ends with Close
	cancel    context.CancelFunc

	live       liveness
	requests   requests
	servers    atomic.Int64 // the other nodes when they were counted last
	inflows    atomic.Int64 // answers in parts that are coming
	outflows   outflows     // and those that go out
	asked      atomic.Int64 // see Stats
	handlers   workers      // for ServerSideEmit
	describers workers      // for FetchSockets
	counts     counters
}

// maxDescribers is how many requests for sockets are dealt with at once.
const maxDescribers = 2

// New makes a namespace a node of the cluster. open connects it: it is given the
// node's UID and the function that takes what others publish, which it must not
// wait for.
func New(local adapter.Local, cfg Config, open func(uid string, receive func(m *Message)) (Bus, error)) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{local: local, namespace: local.Namespace(), cfg: cfg, uid: cfg.UID(), instance: NewUID(), opened: make(chan struct{})}
	if n.uid == "" || len(n.uid) > maxID {
		return nil, fmt.Errorf("cluster: Config.UID gives %q, must give 1 to %d bytes", n.uid, maxID)
	}
	n.gate.empty = make(chan struct{})
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.requests.pending = make(map[string]pending)
	n.outflows.flows, n.outflows.pagedTo = make(map[string]*outflow), make(map[string]int)
	n.handlers = workers{limit: cfg.Handlers, maxQueued: cfg.MaxQueued, protect: n.protect}
	n.describers = workers{limit: maxDescribers, maxQueued: cfg.MaxQueued, protect: n.protect}
	if err := n.open(open); err != nil {
		return nil, err
	}
	if n.counter == nil {
		n.startHeartbeats()
	}
	return n, nil
}

// open lets receive go on when it is done.
func (n *Node) open(open func(uid string, receive func(m *Message)) (Bus, error)) (err error) {
	defer close(n.opened)
	if n.bus, err = open(n.uid, n.receive); err != nil {
		n.closed.Store(true)
		n.cancel()
		return err
	}
	if n.counter, _ = n.bus.(Counter); n.counter == nil {
		n.live.start, n.live.nodes = time.Now(), make(map[string]time.Time)
	}
	return nil
}

// UID names the node among the others of its namespace.
func (n *Node) UID() string { return n.uid }

// ServerCount implements [adapter.Adapter].
func (n *Node) ServerCount(ctx context.Context) (int, error) {
	if n.closed.Load() {
		return 0, ErrClosed
	}
	if n.counter == nil {
		return 1 + n.live.len(), nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, n.cfg.RequestTimeout, ErrTimeout)
	defer cancel()
	count, err := n.count(ctx)
	switch {
	case err == nil:
		return count, nil
	case errors.Is(err, context.DeadlineExceeded) && nearEnd(ctx):
		<-ctx.Done() // the connection's deadline was the same
		fallthrough
	case ctx.Err() != nil:
		if end := n.endOf(ctx); !errors.Is(err, end) {
			err = fmt.Errorf("%w: %w", end, err)
		}
	default:
		err = adapter.TimedOut(err)
	}
	return 0, fmt.Errorf("cluster: the servers can't be counted: %w", err)
}

// nearEnd reports whether ctx is about to end by its deadline.
func nearEnd(ctx context.Context) bool {
	end, limited := ctx.Deadline()
	return limited && time.Until(end) < 20*time.Millisecond
}

// Close implements [adapter.Adapter]: requests that wait fail with [ErrClosed],
// events that wait for a handler are dropped. It does not wait for handlers.
func (n *Node) Close() error {
	if n.closed.Swap(true) {
		return nil
	}
	n.live.stop()
	n.gate.shut(n.cfg.RequestTimeout)
	n.cancel()
	n.requests.close()
	n.counts.dropped.Add(uint64(n.outflows.close() + n.handlers.close() + n.describers.close()))
	if n.counter == nil {
		n.hand(&Message{Type: AdapterClose})
	}
	return n.bus.Close()
}

// publish sends m to the other nodes, or to the one that it names.
func (n *Node) publish(m *Message) error {
	if !n.gate.enter() {
		n.counts.lost.Add(1)
		return ErrClosed
	}
	defer n.gate.leave()
	return n.hand(m)
}

// protect calls f and lets no panic out.
func (n *Node) protect(f func()) {
	defer n.recovered()
	f()
}

// recovered, deferred, ends a panic.
func (n *Node) recovered() {
	if v := recover(); v != nil {
		n.counts.panics.Add(1)
		n.cfg.Logger.Error("cluster: panic", "namespace", n.namespace, "panic", v, "stack", string(debug.Stack()))
	}
}

var _ adapter.Adapter = (*Node)(nil)
