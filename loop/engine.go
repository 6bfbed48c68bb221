package loop

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// Engine is a set of loops, which share a listening address or have none. It is
// safe for concurrent use.
type Engine struct {
	cfg   Config
	be    backend.Engine
	door  *handoff // of every accepted connection
	loops []*Loop

	done chan struct{} // everything has ended; err is set
	err  error

	refusing atomic.Bool // StopAccepting was called

	mu        sync.Mutex // guards what follows
	stopping  bool
	attaching sync.WaitGroup // Add only while !stopping, under mu
	next      int            // the loop of the next adopted connection

	streaming sync.WaitGroup // the goroutines of streams
}

// Addr is the address that the engine listens on, with the port that was
// picked if none was given; nil after Start.
func (e *Engine) Addr() net.Addr { return e.be.Addr() }

// Loops returns the engine's loops. The slice must not be changed.
func (e *Engine) Loops() []*Loop { return e.loops }

// Done is closed when the engine has ended: after Shutdown, or by itself when the
// system does not let it wait for events.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Err is nil until Done is closed, and after a Shutdown; otherwise it tells why
// the engine ended.
func (e *Engine) Err() error {
	select {
	case <-e.done:
		return e.err
	default:
		return nil
	}
}

// Stats sums up the loops' counters. Those of one connection's traffic may be
// seen at different moments.
func (e *Engine) Stats() Stats {
	var s Stats
	for _, l := range e.loops {
		s.add(&l.counters)
	}
	s.AcceptFailures = e.be.AcceptFailures()
	return s
}

func (e *Engine) connections() (n int64) {
	for _, l := range e.loops {
		n += l.counters.connections.Load()
	}
	return n
}

// refuses reports whether a new connection is to be closed. One that moves
// between loops was admitted before.
func (e *Engine) refuses(s backend.Socket, t *handoff) bool {
	if t.moved {
		return false
	}
	return e.be.Exhausted(s) || e.refusing.Load() ||
		e.cfg.MaxConnections > 0 && e.connections() >= int64(e.cfg.MaxConnections)
}

// addrPortOf is a's address without a zone, and [::]:0 when it has none.
func addrPortOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case nil:
	case *net.TCPAddr:
		zoneless := net.TCPAddr{IP: a.IP, Port: a.Port}
		ap = zoneless.AddrPort()
	default:
		ap, _ = netip.ParseAddrPort(a.String())
	}
	if !ap.IsValid() {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	return ap
}
