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
	local        adapter.Local
	namespace    string
	cfg          Config
	uid          string
	instance     string       // see Message
	duplicateLog atomic.Int64 // when a duplicate UID was logged; 0 before
	bus          Bus
	counter      Counter       // nil if the nodes send heartbeats
	opened       chan struct{} // closed when bus and counter are set
	closed       atomic.Bool
	publishing   closeGuard      // around Bus.Publish
	ctx          context.Context // ends with Close
	cancel       context.CancelFunc

	live       liveness
	requests   requests
	servers    atomic.Int64    // number of other nodes when last counted
	incoming   atomic.Int64    // number of answers in parts that arrive
	outgoing   outgoingAnswers // and those that go out
	relays     atomic.Int64    // see Stats
	handlers   workers         // for ServerSideEmit
	describers workers         // for FetchSockets
	counts     counters
}

// maxDescribers is how many requests for sockets are answered at once.
const maxDescribers = 2

// New makes a namespace a node of the cluster. open returns the bus of the
// node. Its arguments are the node's UID and the function that takes the
// messages of other nodes. open must not call receive and wait for it.
func New(local adapter.Local, cfg Config, open func(uid string, receive func(m *Message)) (Bus, error)) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{local: local, namespace: local.Namespace(), cfg: cfg, uid: cfg.UID(), instance: NewUID(), opened: make(chan struct{})}
	if n.uid == "" || len(n.uid) > maxID {
		return nil, fmt.Errorf("cluster: Config.UID returned %q; it must return 1 to %d bytes", n.uid, maxID)
	}
	n.publishing.empty = make(chan struct{})
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.requests.pending = make(map[string]pending)
	n.outgoing.flows, n.outgoing.toNode = make(map[string]*outgoingAnswer), make(map[string]int)
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

// open opens the bus and then lets receive continue.
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

// UID returns the name of the node, which is unique in its namespace.
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
		<-ctx.Done() // the deadline of the connection was that of ctx
		fallthrough
	case ctx.Err() != nil:
		if end := n.endOf(ctx); !errors.Is(err, end) {
			err = fmt.Errorf("%w: %w", end, err)
		}
	default:
		err = adapter.TimedOut(err)
	}
	return 0, fmt.Errorf("cluster: can't count the servers: %w", err)
}

// nearEnd reports whether the deadline of ctx is less than 20 ms away.
func nearEnd(ctx context.Context) bool {
	end, limited := ctx.Deadline()
	return limited && time.Until(end) < 20*time.Millisecond
}

// Close implements [adapter.Adapter]. Requests that wait fail with [ErrClosed],
// and events that wait for a handler are dropped. It does not wait for
// handlers.
func (n *Node) Close() error {
	if n.closed.Swap(true) {
		return nil
	}
	n.live.stop()
	n.publishing.shut(n.cfg.RequestTimeout)
	n.cancel()
	n.requests.close()
	n.counts.dropped.Add(uint64(n.outgoing.close() + n.handlers.close() + n.describers.close()))
	if n.counter == nil {
		n.toBus(&Message{Type: AdapterClose})
	}
	return n.bus.Close()
}

// publish sends m to the other nodes, or to the one in m.To.
func (n *Node) publish(m *Message) error {
	if !n.publishing.enter() {
		n.counts.lost.Add(1)
		return ErrClosed
	}
	defer n.publishing.leave()
	return n.toBus(m)
}

// protect calls f and recovers its panic.
func (n *Node) protect(f func()) {
	defer n.recovered()
	f()
}

// recovered recovers a panic, and logs and counts it. It must be deferred.
func (n *Node) recovered() {
	if v := recover(); v != nil {
		n.counts.panics.Add(1)
		n.cfg.Logger.Error("cluster: panic", "namespace", n.namespace, "panic", v, "stack", string(debug.Stack()))
	}
}

var _ adapter.Adapter = (*Node)(nil)
