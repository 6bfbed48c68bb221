package sio

import (
	"sync/atomic"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
)

// Stats are the figures of a server since its start.
type Stats struct {
	// Clients is the number of open Engine.IO sessions.
	Clients int
	// Sockets is the number of connected sockets in all namespaces.
	Sockets int
	// Loop has the figures of the connections.
	Loop loop.Stats

	// EventsIn and AcksIn are what clients have sent.
	EventsIn, AcksIn uint64
	// Pending and PendingBytes are the events that wait for handlers now, and the
	// size of their arguments.
	Pending, PendingBytes int
	// HandlersRunning is for how many sockets handlers run now, on a goroutine each,
	// and HandlersWaiting how many wait for one of Config.MaxHandlers.
	HandlersRunning, HandlersWaiting int
	// PacketsOut is what was handed to sessions: events and acknowledgements, each
	// recipient of a broadcast counted.
	PacketsOut uint64
	// Held is how many packets wait for the end of connection handlers: see
	// [Namespace.OnConnection].
	Held int
	// VolatileDropped is how many volatile packets met a connection that was not writable.
	VolatileDropped uint64
	// SlowDisconnects is how many connections were closed because their clients read
	// too slowly; SlowDroppedNewest and SlowDroppedOldest are how many events were
	// dropped instead: see [SlowPolicy].
	SlowDisconnects, SlowDroppedNewest, SlowDroppedOldest uint64
	// Refused is how many namespace connections were refused.
	Refused uint64
	// InvalidPackets is how many connections were closed because of a packet that
	// can't be decoded, OutOfOrder because of one that the client may not send now,
	// ConnectTimeouts for not joining a namespace, PendingOverflows for passing
	// Config.MaxPending, MaxPendingBytes, MaxNamespaces or a loop's share of
	// MaxPendingTotal and MaxPendingTotalBytes.
	InvalidPackets, OutOfOrder, ConnectTimeouts, PendingOverflows uint64
	// Recovery has the figures of connection state recovery.
	Recovery RecoveryStats
	// Forwarding has the figures of Config.Forwarding.
	Forwarding eio.ForwardStats
	// HandlerErrors and HandlerPanics are what came of handlers.
	HandlerErrors, HandlerPanics uint64
}

// stats are the counters that any goroutine moves.
type stats struct {
	errors, panics atomic.Uint64
}

// counters are moved by one loop and read by any goroutine.
type counters struct {
	eventsIn, acksIn, packetsOut, volatileDropped atomic.Uint64
	refused, invalid, outOfOrder                  atomic.Uint64
	connectTimeouts, overflows                    atomic.Uint64
	slowClosed, droppedNewest, droppedOldest      atomic.Uint64
	held                                          atomic.Int64
}

// Stats returns the server's figures. Each is exact; together they are not of
// one moment.
func (srv *Server) Stats() Stats {
	st := Stats{
		Clients:       srv.eio.ClientsCount(),
		Forwarding:    srv.eio.ForwardStats(),
		HandlerErrors: srv.stats.errors.Load(),
		HandlerPanics: srv.stats.panics.Load(),
	}
	for _, ns := range *srv.namespaces.Load() {
		st.Sockets += ns.rooms.Len()
		if ns.log != nil {
			st.Recovery.add(ns.log.figures())
		}
	}
	st.HandlersRunning, st.HandlersWaiting = srv.workers.running()
	srv.mu.Lock()
	if srv.engine != nil {
		st.Loop = srv.engine.Stats()
	}
	srv.mu.Unlock()
	for i := range srv.parts {
		c := &srv.parts[i].counts
		st.Pending += int(srv.parts[i].pending.Load())
		st.PendingBytes += int(srv.parts[i].pendingBytes.Load())
		st.EventsIn += c.eventsIn.Load()
		st.AcksIn += c.acksIn.Load()
		st.Held += int(c.held.Load())
		st.PacketsOut += c.packetsOut.Load()
		st.VolatileDropped += c.volatileDropped.Load()
		st.SlowDisconnects += c.slowClosed.Load()
		st.SlowDroppedNewest += c.droppedNewest.Load()
		st.SlowDroppedOldest += c.droppedOldest.Load()
		st.Refused += c.refused.Load()
		st.InvalidPackets += c.invalid.Load()
		st.OutOfOrder += c.outOfOrder.Load()
		st.ConnectTimeouts += c.connectTimeouts.Load()
		st.PendingOverflows += c.overflows.Load()
	}
	return st
}
