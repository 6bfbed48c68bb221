package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sioserver/sioserver/sio"
)

const prefix = "sioserver_"

// family is what one name stands for.
type family struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
	values     func(st *sio.Stats, emit emitter)
}

// emitter takes a value and those of its labels.
type emitter func(v float64, labels ...string)

type numeric interface{ ~int | ~int64 | ~uint64 }

func gauge[N numeric](name, help string, value func(st *sio.Stats) N) family {
	return family{name: name, help: help, kind: prometheus.GaugeValue,
		values: func(st *sio.Stats, emit emitter) { emit(float64(value(st))) }}
}

func counter[N numeric](name, help string, value func(st *sio.Stats) N) family {
	f := gauge(name+"_total", help, value)
	f.kind = prometheus.CounterValue
	return f
}

// by is a family with one label.
func by(kind prometheus.ValueType, name, help, label string, values func(st *sio.Stats, emit emitter)) family {
	if kind == prometheus.CounterValue {
		name += "_total"
	}
	return family{name, help, kind, []string{label}, values}
}

// each emits the values in the order of their labels.
func each[N numeric](emit emitter, values map[string]N) {
	labels := make([]string, 0, len(values))
	for label := range values {
		labels = append(labels, label)
	}
	slices.Sort(labels)
	for _, label := range labels {
		emit(float64(values[label]), label)
	}
}

// refusals are the label of Stats.Transports.Refused, by the protocol's code.
var refusals = [...]string{"transport unknown", "session ID unknown", "bad handshake method", "bad request", "forbidden", "unsupported protocol version"}

// families are all of a [sio.Stats]. TestAllFigures fails if a field is missing.
var families = slices.Concat(connectionFamilies, trafficFamilies, queueFamilies, endFamilies, handlerFamilies, featureFamilies)

var connectionFamilies = []family{
	by(prometheus.GaugeValue, "connections", "Open Engine.IO sessions.", "transport", func(st *sio.Stats, emit emitter) {
		each(emit, map[string]int{"polling": st.Transports.Polling, "websocket": st.Transports.WebSocket})
	}),
	gauge("clients", "Open Engine.IO sessions over all transports, those included whose handshake is being answered.", func(st *sio.Stats) int { return st.Clients }),
	gauge("unjoined_clients", "Clients that have joined no namespace yet.", func(st *sio.Stats) int { return st.Unjoined }),
	gauge("sockets", "Connected sockets in all namespaces.", func(st *sio.Stats) int { return st.Sockets }),
	gauge("dynamic_namespaces", "Namespaces that count against Config.MaxDynamicNamespaces.", func(st *sio.Stats) int { return st.DynamicNamespaces }),
	gauge("tcp_connections", "Open TCP connections.", func(st *sio.Stats) int64 { return st.Loop.Connections }),
	counter("tcp_accepted", "TCP connections that were opened, moves between loops included.", func(st *sio.Stats) int64 { return st.Loop.Accepted }),
	counter("tcp_rejected", "TCP connections that were closed on arrival, because of a limit or because the server stops.", func(st *sio.Stats) int64 { return st.Loop.Rejected }),
	counter("tcp_accept_failures", "Failures to accept a TCP connection, mostly for lack of descriptors.", func(st *sio.Stats) int64 { return st.Loop.AcceptFailures }),
	counter("tcp_lost_moves", "TCP connections that were lost on the way to another loop.", func(st *sio.Stats) int64 { return st.Loop.LostMoves }),
	by(prometheus.CounterValue, "tls_handshakes", "TLS handshakes that have ended, with Config.TLS.", "result", func(st *sio.Stats, emit emitter) {
		each(emit, map[string]int64{"done": st.Loop.Handshakes, "failed": st.Loop.HandshakesFailed})
	}),
	by(prometheus.GaugeValue, "tls_handshakes_open", "TLS handshakes that run, and those that wait for one of Config.MaxTLSHandshakes.", "state", func(st *sio.Stats, emit emitter) {
		each(emit, map[string]int64{"running": st.Loop.HandshakesRunning, "waiting": st.Loop.HandshakesWaiting})
	}),
	by(prometheus.CounterValue, "handshakes", "Handshakes that opened a session, by its first transport.", "transport", func(st *sio.Stats, emit emitter) {
		each(emit, map[string]uint64{"polling": st.Transports.OpenedPolling, "websocket": st.Transports.OpenedWebSocket})
	}),
	by(prometheus.CounterValue, "upgrades", "Ends of upgrades from polling to WebSocket.", "result", func(st *sio.Stats, emit emitter) {
		each(emit, map[string]uint64{"upgraded": st.Transports.Upgraded, "failed": st.Transports.UpgradesFailed})
	}),
	by(prometheus.CounterValue, "requests_refused", "Requests that were refused, by the message of the protocol.", "reason", func(st *sio.Stats, emit emitter) {
		for code, n := range st.Transports.Refused {
			emit(float64(n), refusals[code])
		}
	}),
	by(prometheus.CounterValue, "proxy_headers", "Connections that began with a PROXY header (accepted), and those that were closed because they should have (rejected).", "result", func(st *sio.Stats, emit emitter) {
		emit(float64(st.Proxies.Headers), "accepted")
		emit(float64(st.Proxies.HeadersRejected), "rejected")
	}),
	gauge("addresses", "Addresses of which Config.AddressLimits knows something.", func(st *sio.Stats) int { return st.Addresses.Addresses }),
	counter("addresses_forgotten", "Addresses that were forgotten too early because of AddressLimits.MaxAddresses.", func(st *sio.Stats) uint64 { return st.Addresses.Forgotten }),
	counter("address_failures", "Handshakes and namespaces that were refused to an address, and count against it.", func(st *sio.Stats) uint64 { return st.Addresses.Failures }),
	by(prometheus.CounterValue, "address_limited", "Handshakes, and attempts on open sessions, that were refused because of their address, by the field of AddressLimits.", "limit", func(st *sio.Stats, emit emitter) {
		emit(float64(st.Addresses.TooManySessions), "Sessions")
		emit(float64(st.Addresses.TooManyHandshakes), "Handshakes")
		emit(float64(st.Addresses.TooManyFailures), "Failures")
	}),
	counter("proxy_fields_malformed", "Handshakes of which a trusted proxy has named no valid address.", func(st *sio.Stats) uint64 { return st.Proxies.FieldsMalformed }),
	counter("socket_connects", "Sockets that have connected to a namespace.", func(st *sio.Stats) uint64 { return st.Connected }),
	counter("socket_connects_refused", "Sockets that were refused by a middleware or a limit.", func(st *sio.Stats) uint64 { return st.Refused }),
}

var trafficFamilies = []family{
	by(prometheus.CounterValue, "packets_received", "Socket.IO packets of clients, by their type.", "type", func(st *sio.Stats, emit emitter) {
		each(emit, map[string]uint64{"event": st.EventsIn, "ack": st.AcksIn})
	}),
	counter("packets_sent", "Events and acknowledgements that were handed to sessions; each recipient of a broadcast counts.", func(st *sio.Stats) uint64 { return st.PacketsOut }),
	counter("received_bytes", "Bytes that were read from connections.", func(st *sio.Stats) int64 { return st.Loop.BytesIn }),
	counter("sent_bytes", "Bytes that were written to connections.", func(st *sio.Stats) int64 { return st.Loop.BytesOut }),
	counter("sends", "System calls that have written to connections.", func(st *sio.Stats) int64 { return st.Loop.Sends }),
	counter("loop_lags", "How often an event loop has noticed that it was more than 20 ms late.", func(st *sio.Stats) int64 { return st.Loop.Lags }),
	{name: "loop_late_seconds_total", help: "By how much event loops were late, when they were by more than 20 ms.", kind: prometheus.CounterValue,
		values: func(st *sio.Stats, emit emitter) { emit(st.Loop.LagTime.Seconds()) }},
	counter("loop_panics", "Callbacks and tasks on event loops that have panicked or ended their goroutine.", func(st *sio.Stats) int64 { return st.Loop.Panics }),
}

var queueFamilies = []family{
	gauge("pending_jobs", "Events, middlewares, and connection and disconnect handlers that wait.", func(st *sio.Stats) int { return st.Pending }),
	gauge("pending_bytes", "Size of the arguments of events that wait or are being handled.", func(st *sio.Stats) int { return st.PendingBytes }),
	gauge("pending_stranded_jobs", "Connection and disconnect handlers that wait for clients that have left.", func(st *sio.Stats) int { return st.PendingStranded }),
	gauge("pending_late_jobs", "Events that wait of clients that have left.", func(st *sio.Stats) int { return st.PendingLate }),
	gauge("pending_late_bytes", "Size of the arguments of events that wait of clients that have left.", func(st *sio.Stats) int { return st.PendingLateBytes }),
	counter("pauses", "How often a client was not read for a while because too much of it waited.", func(st *sio.Stats) uint64 { return st.Pauses }),
	counter("event_pauses", "How often a client was not read for a while because of Config.EventLimits.", func(st *sio.Stats) uint64 { return st.EventPauses }),
	counter("events_refused", "Events that were not handled because of Config.EventLimits or Limit.", func(st *sio.Stats) uint64 { return st.EventsRefused }),
	gauge("send_queue_bytes", "What waits for clients that do not take it.", func(st *sio.Stats) int64 { return st.Loop.Queued }),
	gauge("held_broadcasts", "Broadcasts that wait for the end of their recipients' connection handlers.", func(st *sio.Stats) int { return st.Held }),
	gauge("receiving_bytes", "What messages and requests hold that are not complete.", func(st *sio.Stats) int { return st.Receiving.Bytes }),
	by(prometheus.GaugeValue, "receiving_connections", "Connections with a message or request of at least 4 KiB that is not complete: those that are read, and those that wait for room.", "state", func(st *sio.Stats, emit emitter) {
		emit(float64(max(0, st.Receiving.Connections-st.Receiving.Waiting)), "read")
		emit(float64(st.Receiving.Waiting), "waiting")
	}),
	counter("receiving_waits", "How often a connection had to wait because of Config.MaxReceiving.", func(st *sio.Stats) uint64 { return st.Receiving.Waits }),
	gauge("handshake_bytes", "What sessions keep of their handshakes that keep more than 4 KiB.", func(st *sio.Stats) int64 { return st.Handshakes.Bytes }),
	by(prometheus.CounterValue, "dropped", "What was not delivered: volatile packets (volatile), events by the policy for slow clients (slow newest, slow oldest), frames to connections that ended (closed), events whose socket the application ended or that no limit left room for (unhandled), changes of rooms that were not reported (room events).", "reason", func(st *sio.Stats, emit emitter) {
		each(emit, map[string]uint64{
			"volatile": st.VolatileDropped, "slow newest": st.SlowDroppedNewest, "slow oldest": st.SlowDroppedOldest,
			"closed": uint64(st.Loop.Discarded), "unhandled": st.Unhandled, "room events": st.RoomEventsDropped,
		})
	}),
}

var endFamilies = []family{
	by(prometheus.CounterValue, "disconnects", "Sockets that have ended, by the reason that disconnect handlers get.", "reason", func(st *sio.Stats, emit emitter) {
		each(emit, reasonLabels(st.Disconnected))
	}),
	by(prometheus.CounterValue, "sessions_closed", "Engine.IO sessions that have ended, by their reason.", "reason", func(st *sio.Stats, emit emitter) {
		each(emit, reasonLabels(st.Closed))
	}),
	by(prometheus.CounterValue, "client_faults", "What clients did against the rules: of HTTP, WebSocket or Engine.IO (protocol), packets that can't be decoded (packet) or may not be sent now (order), no namespace joined in time (connect timeout), nothing taken of what was sent (slow).", "fault", func(st *sio.Stats, emit emitter) {
		each(emit, map[string]uint64{
			"protocol": st.Violations, "packet": st.InvalidPackets, "order": st.OutOfOrder,
			"connect timeout": st.ConnectTimeouts, "slow": st.SlowDisconnects,
		})
	}),
	by(prometheus.CounterValue, "limited", "How often a limit has refused or closed something, by the field of Config.", "limit", func(st *sio.Stats, emit emitter) {
		each(emit, map[string]uint64{
			"MaxDynamicNamespaces": st.DynamicRefused, "MaxPendingTotal": st.PendingOverflows, "MaxUnjoined": st.UnjoinedEvicted, "MaxRooms": st.RoomsRefused, "MaxTLSBuffered": uint64(st.Loop.TLSEvicted),
			"MaxReceiving": st.Receiving.Closed, "MaxHandshakeBytes": st.Handshakes.Refused, "MaxQueued": uint64(st.Loop.Overflows),
		})
	}),
}

func reasonLabels(counts map[sio.Reason]uint64) map[string]uint64 {
	labels := make(map[string]uint64, len(counts))
	for reason, n := range counts {
		labels[string(reason)] = n
	}
	return labels
}

var handlerFamilies = []family{
	by(prometheus.GaugeValue, "handler_sockets", "Sockets whose handlers run on a goroutine, and those that wait for one of Config.MaxHandlers.", "state", func(st *sio.Stats, emit emitter) {
		each(emit, map[string]int{"running": st.HandlersRunning, "waiting": st.HandlersWaiting})
	}),
	by(prometheus.GaugeValue, "http_connections", "Connections that net/http serves for Config.Handler, and those that wait for a place.", "state", func(st *sio.Stats, emit emitter) {
		each(emit, map[string]int{"served": st.Handler.Connections, "waiting": st.Handler.Waiting})
	}),
	counter("application_errors", "Errors that handlers have returned, arguments that did not fit, and events that packet middlewares have refused.", func(st *sio.Stats) uint64 { return st.HandlerErrors }),
	counter("application_panics", "Panics of the application's handlers and hooks.", func(st *sio.Stats) uint64 { return st.HandlerPanics }),
}

var featureFamilies = []family{
	gauge("recovery_sessions", "Sockets that are kept for clients that may come back.", func(st *sio.Stats) int { return st.Recovery.Sessions }),
	gauge("recovery_packets", "Events that are kept for them.", func(st *sio.Stats) int { return st.Recovery.Packets }),
	gauge("recovery_bytes", "Size of these events.", func(st *sio.Stats) int { return st.Recovery.Bytes }),
	by(prometheus.CounterValue, "recoveries", "Clients that came back: with their socket (recovered), without it because events were lost (gap), or because it was not kept (failed).", "result", func(st *sio.Stats, emit emitter) {
		emit(float64(st.Recovery.Recovered), "recovered")
		emit(float64(max(st.Recovery.Failed, st.Recovery.Gaps)-st.Recovery.Gaps), "failed")
		emit(float64(st.Recovery.Gaps), "gap")
	}),
	counter("recovery_replayed", "Events that were sent again.", func(st *sio.Stats) uint64 { return st.Recovery.Replayed }),
	counter("recovery_evicted", "Events and sockets that a limit dropped.", func(st *sio.Stats) uint64 { return st.Recovery.Evicted }),
	counter("recovery_expired", "Sockets that ended for good, by a limit or by time.", func(st *sio.Stats) uint64 { return st.Recovery.Expired }),
	counter("recovery_unordered", "Events that were sent without an offset because the adapter could not keep them in time.", func(st *sio.Stats) uint64 { return st.Recovery.Unordered }),
	by(prometheus.GaugeValue, "forwarding", "What is being forwarded to other nodes.", "kind", func(st *sio.Stats, emit emitter) {
		each(emit, map[string]int{"requests": st.Forwarding.OpenRequests, "tunnels": st.Forwarding.OpenTunnels})
	}),
	by(prometheus.CounterValue, "forwarded", "What was forwarded to other nodes: requests that they have answered, WebSockets (tunnel), and those for an unknown node, without a proper answer in time (failed), beyond a limit (refused), or whose client left before (aborted).", "result", func(st *sio.Stats, emit emitter) {
		each(emit, map[string]uint64{
			"answered": st.Forwarding.Requests, "tunnel": st.Forwarding.Tunnels, "unknown": st.Forwarding.Unknown,
			"failed": st.Forwarding.Failed, "refused": st.Forwarding.Refused, "aborted": st.Forwarding.Aborted,
		})
	}),
}
