package loop

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/internal/goroutine"
)

// Engine is a set of loops, which share their listening addresses or have none.
// It is safe for concurrent use.
type Engine struct {
	cfg      Config
	be       backend.Engine
	accepted *handoff // of every accepted connection
	loops    []*Loop

	done chan struct{} // closed when all has ended and err is set
	err  error

	refusing atomic.Bool   // StopAccepting was called, or the engine has ended
	refused  chan struct{} // closed then
	accepts  goroutine.AcceptLog

	mu        sync.Mutex // guards what follows
	stopping  bool
	attaching sync.WaitGroup // Add only while !stopping, under mu
	next      int            // the loop of the next adopted connection
	servings  []*serving     // the listeners of Serve
	addrs     []net.Addr     // of all listeners so far

	streaming sync.WaitGroup  // the goroutines of streams and TLS handshakes, and those that accept
	places    places          // of TLS handshakes
	live      context.Context // ends when the engine stops
	end       context.CancelFunc
}

// Addr is the first address that the engine listens on. If no port was
// configured, it has the one that the system picked. It is nil if there is none.
func (e *Engine) Addr() net.Addr {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.addrs) == 0 {
		return nil
	}
	return e.addrs[0]
}

// Addrs are the addresses that the engine listens on or has listened on, in the
// order in which they came.
func (e *Engine) Addrs() []net.Addr {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.addrs)
}

// Loops returns the engine's loops. The slice must not be changed.
func (e *Engine) Loops() []*Loop { return e.loops }

// Done is closed when the engine has ended: after Shutdown, or because waiting
// for events has failed.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Err is nil until Done is closed, and after a Shutdown. Otherwise it is the
// reason why the engine has ended.
func (e *Engine) Err() error {
	select {
	case <-e.done:
		return e.err
	default:
		return nil
	}
}

// Stats sums up the loops' counters, which are not read at the same moment.
func (e *Engine) Stats() Stats {
	var s Stats
	for _, l := range e.loops {
		s.add(&l.counters)
	}
	s.AcceptFailures = e.be.AcceptFailures() + e.accepts.Failures()
	running, waiting := e.places.counts()
	s.HandshakesRunning, s.HandshakesWaiting = int64(running), int64(waiting)
	return s
}

func (e *Engine) connections() (n int64) {
	for _, l := range e.loops {
		n += l.counters.connections.Load()
	}
	return n
}

// refuses reports whether a new connection must be closed. One that moves
// between loops was accepted before.
func (e *Engine) refuses(s backend.Socket, t *handoff) bool {
	if t.moved {
		return false
	}
	return e.be.Exhausted(s) || e.refusing.Load() ||
		e.cfg.MaxConnections > 0 && e.connections() >= int64(e.cfg.MaxConnections)
}

// addrPortOf returns a's address without a zone, or [::]:0 if it has none.
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
