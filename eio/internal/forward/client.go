package forward

import (
	"errors"
	"sync"
	"time"
)

// Errors of a Client.
var (
	// ErrBusy refuses what would exceed Config.MaxRequests, MaxTunnels or
	// MaxAnswers.
	ErrBusy = errors.New("forward: too much is on its way to the node")
	// ErrDescriptors refuses a connection because the process has few
	// descriptors left.
	ErrDescriptors = errors.New("forward: few descriptors are left")
	// ErrAnswer reports an answer that no server of this module gives.
	ErrAnswer = errors.New("forward: the node's answer is not acceptable")
	// ErrClosed is the error of calls after Close.
	ErrClosed = errors.New("forward: closed")
)

// Config is what a [Client] is made from. All fields must be positive.
type Config struct {
	// MaxRequests and MaxTunnels are how many there may be to one node at a
	// time.
	MaxRequests, MaxTunnels int
	// MaxAnswer is the size in bytes of the largest body of an answer, at most
	// 1<<62. MaxAnswers bounds the bodies of all answers that are being
	// received or are not released. Answers beyond it wait, and fail with
	// ErrBusy after Stall.
	MaxAnswer, MaxAnswers int64
	// Stall is how long 4 KiB of a request or an answer that has begun may
	// take.
	Stall time.Duration
	// DialTimeout is how long it may take to connect to a node.
	DialTimeout time.Duration
	// KeepIdle is how long a connection is kept between two requests. The nodes
	// must keep theirs for longer.
	KeepIdle time.Duration
	// TunnelIdle is how long one direction of a tunnel may be silent, or
	// blocked.
	TunnelIdle time.Duration
}

// Client holds the connections to other nodes. It is safe for concurrent use.
type Client struct {
	cfg Config

	mu       sync.Mutex // guards what follows, the nodes' fields included
	nodes    map[string]*node
	tunnels  map[*Tunnel]struct{}
	requests int
	held     int64         // bytes of answers
	room     chan struct{} // closed when held falls; nil while nothing waits for that
	sweeper  *time.Timer   // nil while no connection is idle
	closed   bool
}

// node is what the client holds for one address.
type node struct {
	addr              string
	requests, tunnels int
	held              int64         // bytes of its answers
	idle              []resting     // the most recently used last
	dials             chan struct{} // has a place for each dial that may be under way
}

// maxDials is how many connections to one node may be under way at a time.
const maxDials = 16

// New returns a client that has no connections yet.
func New(cfg Config) *Client {
	cfg.MaxAnswer = min(cfg.MaxAnswer, 1<<62)
	return &Client{cfg: cfg, nodes: make(map[string]*node), tunnels: make(map[*Tunnel]struct{})}
}

// InFlight returns how many requests and tunnels there are now.
func (c *Client) InFlight() (requests, tunnels int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests, len(c.tunnels)
}

// Close ends all tunnels and closes the idle connections. Requests that wait
// continue until their contexts end.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.sweepLocked(time.Now().Add(c.cfg.KeepIdle))
	tunnels := c.tunnels
	c.tunnels = make(map[*Tunnel]struct{})
	c.mu.Unlock()
	for t := range tunnels {
		t.Close()
	}
}

// enter counts a request, or a tunnel, to addr; leave is its counterpart.
func (c *Client) enter(addr string, tunnel bool) (*node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	n := c.nodes[addr]
	if n == nil {
		n = &node{addr: addr, dials: make(chan struct{}, maxDials)}
		c.nodes[addr] = n
	}
	if tunnel && n.tunnels >= c.cfg.MaxTunnels || !tunnel && n.requests >= c.cfg.MaxRequests {
		return nil, ErrBusy
	}
	if tunnel {
		n.tunnels++
	} else {
		n.requests++
		c.requests++
	}
	return n, nil
}

func (c *Client) leave(n *node, tunnel bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if tunnel {
		n.tunnels--
	} else {
		n.requests--
		c.requests--
	}
	c.forgetLocked(n)
}

// forgetLocked drops a node for which the client holds nothing.
func (c *Client) forgetLocked(n *node) {
	if n.requests == 0 && n.tunnels == 0 && n.held == 0 && len(n.idle) == 0 {
		delete(c.nodes, n.addr)
	}
}
