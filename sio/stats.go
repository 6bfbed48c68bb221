package sio

import (
	"context"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
)

// LoopStats are the figures of the connections below the clients.
type LoopStats = loop.Stats

// Stats are the figures of a server since its start.
type Stats struct {
	// Clients is the number of open Engine.IO sessions.
	Clients int
	// Unjoined is how many of them have joined no namespace yet.
	Unjoined int
	// Sockets is the number of connected sockets in all namespaces.
	Sockets int
	// Transports has the figures of the connections by their transports, and of
	// the requests that were refused.
	Transports eio.TransportStats
	// Connected is how many sockets have connected so far, in all namespaces.
	Connected uint64
	// Disconnected is how many of them have ended, by the reason that their
	// disconnect handlers get, Closed how many Engine.IO sessions, by the
	// reason of [Config.OnClose]. Both have all reasons.
	Disconnected, Closed map[Reason]uint64
	// RoomsRefused is how often a socket was not put into a room because of
	// Config.MaxRooms.
	RoomsRefused uint64
	// DynamicNamespaces is the number of namespaces that count against
	// Config.MaxDynamicNamespaces, DynamicRefused how often a client was
	// refused one because of it.
	DynamicNamespaces int
	DynamicRefused    uint64
	// Loop has the figures of the connections, of all servers that share the
	// port ([Server.Attach]).
	Loop LoopStats

	// EventsIn and AcksIn are what clients have sent.
	EventsIn, AcksIn uint64
	// Pending is how many events, middlewares, and connection and disconnect
	// handlers wait now, PendingBytes the size of the events' arguments, which
	// count until their handlers return: both count against the limits.
	// PendingStranded is how many connection and disconnect handlers wait for
	// clients that have left, and how many of these wait for a worker that
	// finds that they have left before they joined. PendingLate and
	// PendingLateBytes are the events of clients that have left.
	Pending, PendingBytes, PendingStranded, PendingLate, PendingLateBytes int
	// Pauses is how often reading from a client paused because too much of it
	// waited: see Config.MaxPending.
	Pauses uint64
	// EventPauses is how often reading from a client paused because it has sent
	// more events than Config.EventLimits allows, EventsRefused how many events
	// were not handled because of them or of [Limit].
	EventPauses, EventsRefused uint64
	// Unhandled is how many events were dropped before their handlers were
	// called: because the application ended their sockets ([Socket.Disconnect],
	// [Conn.Close], [Namespace.Close]), because Shutdown's context ended, or
	// because more events of clients that had left waited than
	// Config.MaxPendingTotal and MaxPendingTotalBytes allow.
	Unhandled uint64
	// HandlersRunning is the number of sockets whose handlers run now, on a
	// goroutine each, HandlersWaiting of those that wait for one of
	// Config.MaxHandlers.
	HandlersRunning, HandlersWaiting int
	// PacketsOut is how many events and acknowledgements were handed to
	// sessions; each recipient of a broadcast counts.
	PacketsOut uint64
	// Held is how many broadcasts wait for the end of their recipients'
	// connection handlers; each recipient counts: see [Namespace.OnConnection].
	Held int
	// VolatileDropped is how many volatile packets were dropped because their
	// connections were not writable.
	VolatileDropped uint64
	// SlowDisconnects is how many connections were closed because their clients
	// read too slowly; SlowDroppedNewest and SlowDroppedOldest are how many
	// events were dropped instead: see [SlowPolicy].
	SlowDisconnects, SlowDroppedNewest, SlowDroppedOldest uint64
	// Violations is how many requests and connections ended because the peer
	// broke the rules of HTTP, WebSocket or Engine.IO: see
	// [eio.Server.Violations].
	Violations uint64
	// Refused is how many namespace connections were refused.
	Refused uint64
	// InvalidPackets is how many connections were closed because of a Socket.IO
	// packet that can't be decoded, OutOfOrder because of one that the client
	// may not send now, ConnectTimeouts because no namespace was joined in
	// time. PendingOverflows is how many namespace connections were refused
	// because as many handlers as Config.MaxPendingTotal allows wait for
	// clients that have left.
	InvalidPackets, OutOfOrder, ConnectTimeouts, PendingOverflows uint64
	// UnjoinedEvicted is how many connections were closed because more than
	// Config.MaxUnjoined had joined no namespace.
	UnjoinedEvicted uint64
	// Proxies has the figures of Config.TrustedProxies and ProxyProtocol.
	Proxies eio.ProxyStats
	// Addresses has the figures of Config.AddressLimits.
	Addresses eio.AddressStats
	// Receiving has the figures of Config.MaxReceiving.
	Receiving eio.ReceivingStats
	// Handshakes has the figures of Config.MaxHandshakeBytes.
	Handshakes eio.HandshakeStats
	// Handler has the figures of Config.Handler.
	Handler eio.FallbackStats
	// Recovery has the figures of connection state recovery.
	Recovery RecoveryStats
	// Forwarding has the figures of Config.Forwarding.
	Forwarding eio.ForwardStats
	// HandlerErrors is how many errors handlers have returned, how many events
	// packet middlewares have refused, how many arguments did not fit a
	// handler, and how often data of sockets could not be encoded for other
	// servers. HandlerPanics is how often user code has panicked or ended its
	// goroutine.
	HandlerErrors, HandlerPanics uint64
	// RoomEventsDropped is how many changes of rooms were not reported to a
	// hook of OnRoom because 65,536 waited for it.
	RoomEventsDropped uint64
}

// LoopLag returns for each event loop how long a task that is handed to it now
// waits until it runs: what all clients of the loop wait for. A loop that has
// not run it when ctx ends counts with the time until then. It returns nil
// before the server listens. It must not be called on a loop, so not by an
// [Inline] handler.
func (srv *Server) LoopLag(ctx context.Context) []time.Duration {
	srv.mu.Lock()
	engine := srv.engine
	srv.mu.Unlock()
	if engine == nil {
		return nil
	}
	return engine.Lag(ctx)
}

// Stats returns the server's figures. Each is exact; together they are not of
// one moment.
func (srv *Server) Stats() Stats {
	st := Stats{
		Clients:           srv.eio.ClientsCount(),
		Proxies:           srv.eio.ProxyStats(),
		Addresses:         srv.eio.AddressStats(),
		Transports:        srv.eio.TransportStats(),
		Disconnected:      make(map[Reason]uint64),
		Closed:            make(map[Reason]uint64),
		Receiving:         srv.eio.ReceivingStats(),
		Handshakes:        srv.eio.HandshakeStats(),
		Handler:           srv.eio.FallbackStats(),
		Forwarding:        srv.eio.ForwardStats(),
		Violations:        srv.eio.Violations(),
		DynamicNamespaces: int(srv.dynamic.Load()),
		HandlerErrors:     srv.stats.errors.Load(),
		HandlerPanics:     srv.stats.panics.Load() + srv.eio.CallbackFailures(),
		Unhandled:         srv.stats.unhandled.Load(),
		EventsRefused:     srv.stats.callsRefused.Load(),
		RoomsRefused:      srv.stats.roomsRefused.Load(),
		RoomEventsDropped: srv.stats.roomEventsDropped.Load(),
	}
	for ns := range srv.namespaces.all() {
		st.Sockets += ns.rooms.Len()
		st.Recovery.add(ns.delivery.figures())
	}
	st.HandlersRunning, st.HandlersWaiting = srv.workers.Counts()
	srv.mu.Lock()
	if srv.engine != nil {
		st.Loop = srv.engine.Stats()
	}
	srv.mu.Unlock()
	for i := range srv.byLoop {
		c := &srv.byLoop[i].counts
		waiting := srv.byLoop[i].backlog.waiting.Load()
		st.Pending += waiting.Jobs()
		st.PendingBytes += int(waiting.Bytes())
		st.PendingStranded += srv.byLoop[i].backlog.stranded.Load().Jobs()
		late := srv.byLoop[i].backlog.late.Load()
		st.PendingLate += late.Jobs()
		st.PendingLateBytes += int(late.Bytes())
		st.Connected += c.connected.Load()
		c.disconnects.addTo(st.Disconnected)
		c.closes.addTo(st.Closed)
		st.EventsIn += c.eventsIn.Load()
		st.AcksIn += c.acksIn.Load()
		st.Held += int(c.held.Load())
		st.PacketsOut += c.packetsOut.Load()
		st.VolatileDropped += c.volatileDropped.Load()
		st.SlowDisconnects += c.slowClosed.Load()
		st.SlowDroppedNewest += c.droppedNewest.Load()
		st.SlowDroppedOldest += c.droppedOldest.Load()
		st.Refused += c.refused.Load()
		st.DynamicRefused += c.crowded.Load()
		st.InvalidPackets += c.invalid.Load()
		st.OutOfOrder += c.outOfOrder.Load()
		st.Unjoined += int(srv.byLoop[i].unjoined.count.Load())
		st.UnjoinedEvicted += c.unjoinedEvicted.Load()
		st.ConnectTimeouts += c.connectTimeouts.Load()
		st.PendingOverflows += c.overflows.Load()
		st.Pauses += c.pauses.Load()
		st.EventPauses += c.eventPauses.Load()
		st.EventsRefused += c.eventsRefused.Load()
	}
	return st
}
