package loop

import (
	"net"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// host has the methods of Engine that its backend calls.
type host Engine

var _ backend.Host = (*host)(nil)

// Ended implements backend.Host, as the following methods do.
func (h *host) Ended(err error) { (*Engine)(h).finish(err) }

// Accepted makes nc a connection of the loop that is driven by goroutines.
func (h *host) Accepted(loop int, nc net.Conn) {
	e := (*Engine)(h)
	if e.accepted.tls != nil {
		t := *e.accepted
		e.acceptTLS(nc, e.loops[loop], &t)
		return
	}
	_ = e.stream(nc, e.loops[loop], e.accepted) // the loop counts rejected ones
}

// BeginAttach is false when the engine stops.
func (h *host) BeginAttach() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopping {
		return false
	}
	h.attaching.Add(1)
	return true
}

// EndAttach follows a BeginAttach that was true.
func (h *host) EndAttach() { h.attaching.Done() }

// Stopping is safe for concurrent use.
func (h *host) Stopping() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stopping
}
