package eio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/eio/internal/forward"
)

// Forwarding makes a server one node of a cluster whose load balancer does not
// keep a client at one node. The server's sids name it. A request or a
// WebSocket with the sid of another node is passed on to that node, and the
// answer is passed back whole. The nodes speak plain HTTP/1.1 to each other's
// ordinary address.
//
// A request that is passed on has the field Sioserver-Forwarded, and is not
// passed on again. A client that forges the field only prevents its own request
// from being forwarded. The middleware, CORS and hooks of the receiving node
// apply, not those of this server.
//
// A node's answer is bounded. Its head has at most 64 KiB and 256 fields. Its
// body has at most twice Config.MaxQueued plus MaxHTTPBufferSize. All bodies
// together have at most Config.MaxReceiving, or one body if that is more; of
// this, one node gets at most as much as is left. An answer for which there is
// no room waits for at most RequestTimeout. Once it has begun, each 4 KiB of it
// must arrive within RequestTimeout.
//
// What it costs the node that passes on: a request that waits for its answer
// has one more connection and a goroutine. A WebSocket leaves the event loops;
// until it ends it takes two connections and two goroutines, 4 KB together
// (BenchmarkIdleTunnel in eio/internal/forward).
type Forwarding struct {
	// Directory knows the nodes. It must be set.
	Directory Directory
	// MaxRequests and MaxTunnels are how many requests and WebSockets may be
	// forwarded to one node at a time; 10,000 when 0. Requests beyond are
	// refused with status 503, WebSockets with 400, and both are counted.
	MaxRequests, MaxTunnels int
	// DialTimeout is how long it may take to connect to a node; 3 s when 0.
	DialTimeout time.Duration
}

// Directory knows where the nodes of a cluster are. It must be safe for
// concurrent use.
type Directory interface {
	// Node returns this server's number, below 1<<24, which no other node has.
	// It must always be the same.
	Node() uint32
	// Lookup returns the address, "host:port", of a node. It reports false when
	// there is no such node. It is called on a goroutine and may wait until ctx
	// is done, which is when the request has ended. Clients choose the numbers.
	Lookup(ctx context.Context, node uint32) (addr string, ok bool)
}

// ForwardStats are the figures of [Forwarding] since the start.
type ForwardStats struct {
	// Requests is how many requests other nodes have answered, Tunnels how many
	// WebSockets were passed on to them.
	Requests, Tunnels uint64
	// Unknown is how many were for a node that is not known, Failed for one
	// that could not be reached or gave no proper answer in time, Refused how
	// many were beyond a limit.
	Unknown, Failed, Refused uint64
	// Aborted is how many clients left before the answer came.
	Aborted uint64
	// OpenRequests and OpenTunnels are how many are being forwarded now.
	OpenRequests, OpenTunnels int
}

func (f *Forwarding) withDefaults() error {
	if f.Directory == nil {
		return errors.New("eio: Forwarding.Directory is nil; it must be set")
	}
	if node := f.Directory.Node(); node >= maxNodes {
		return fmt.Errorf("eio: Forwarding.Directory is node %d; it must be below %d", node, maxNodes)
	}
	if err := cmp.Or(
		setDefault(&f.MaxRequests, "Forwarding.MaxRequests", 10_000, "10000"),
		setDefault(&f.MaxTunnels, "Forwarding.MaxTunnels", 10_000, "10000"),
	); err != nil {
		return err
	}
	if f.DialTimeout == 0 {
		f.DialTimeout = 3 * time.Second
	}
	if f.DialTimeout < time.Millisecond {
		return fmt.Errorf("eio: Forwarding.DialTimeout is %v; it must be at least 1ms, or 0 for 3s", f.DialTimeout)
	}
	f.DialTimeout = min(f.DialTimeout, longest)
	return nil
}

// forwarder is the part of a server that passes requests on. Safe for
// concurrent use.
type forwarder struct {
	node      uint32
	directory Directory
	client    *forward.Client
	hooks     *hooks
	poll      time.Duration // how long the answer to a GET may take
	answer    time.Duration // how long the answer to another request may take

	requests, tunnels, unknown, failed, refused, aborted atomic.Uint64
}

// answerSlack is how long an answer may take beyond the node's own time-outs.
const answerSlack = 5 * time.Second

func newForwarder(cfg *Config, hooks *hooks) *forwarder {
	f := cfg.Forwarding
	silence := cfg.PingInterval + cfg.PingTimeout + answerSlack
	most := 2*int64(cfg.MaxQueued) + cfg.MaxHTTPBufferSize // binary as base64, and framing
	return &forwarder{
		node:      f.Directory.Node(),
		directory: f.Directory,
		hooks:     hooks,
		client: forward.New(forward.Config{
			MaxRequests: f.MaxRequests,
			MaxTunnels:  f.MaxTunnels,
			MaxAnswer:   most,
			MaxAnswers:  max(cfg.MaxReceiving, most),
			Stall:       cfg.RequestTimeout,
			DialTimeout: f.DialTimeout,
			KeepIdle:    min(30*time.Second, cfg.IdleTimeout/2),
			TunnelIdle:  silence,
		}),
		poll:   silence,
		answer: cfg.RequestTimeout + answerSlack,
	}
}

// ForwardStats returns the figures of Config.Forwarding.
func (srv *Server) ForwardStats() (s ForwardStats) {
	f := srv.forwarder
	if f == nil {
		return s
	}
	s = ForwardStats{
		Requests: f.requests.Load(),
		Tunnels:  f.tunnels.Load(),
		Unknown:  f.unknown.Load(),
		Failed:   f.failed.Load(),
		Refused:  f.refused.Load(),
		Aborted:  f.aborted.Load(),
	}
	s.OpenRequests, s.OpenTunnels = f.client.InFlight()
	return s
}

// node returns the number that sids name; nil when they name none.
func (srv *Server) node() *uint32 {
	if srv.forwarder == nil {
		return nil
	}
	return &srv.forwarder.node
}

// elsewhere reports whether sid belongs to another node.
func (srv *Server) elsewhere(sid string) (node uint32, ok bool) {
	if srv.forwarder == nil {
		return 0, false
	}
	id, ok := parseSessionID(sid)
	return id.node(), ok && id.node() != srv.forwarder.node
}
