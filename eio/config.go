package eio

import (
	"log/slog"
	"net/http"
	"net/netip"
	"time"
)

// Config configures a [Server]. The zero value is the reference server's
// defaults. NewServer reads it once. Durations beyond 36 years and sizes beyond
// 1<<50 bytes are lowered to those.
//
// Its functions may panic or end their goroutine (runtime.Goexit). That is
// logged and counted ([Server.CallbackFailures]). A request that waits for such
// a function is then refused, with code 3, or with status 500 by Static, and a
// connection that Fallback serves is closed; what a hook only observes or
// changes goes on without it.
//
// A loop waits for the functions that "run on the loop". They may use what the
// loop owns, and must not block. Each call costs about a microsecond.
type Config struct {
	// Path is the prefix of the paths that belong to the engine, as clients
	// send them: "/engine.io/" when empty. A missing slash at its end is added.
	// What a URL can't have unescaped must be escaped, a space as "%20".
	Path string
	// NoTrailingSlash leaves Path without a slash at its end, so that targets
	// without one belong to the engine too.
	NoTrailingSlash bool

	// PingInterval is the time from the opening, or from the last pong, to the
	// next ping; 25 s when 0.
	PingInterval time.Duration
	// PingTimeout is how long a peer may take to answer a ping; 20 s when 0.
	// PingInterval and PingTimeout together must be at most 2^31-1 ms, the
	// longest time that clients can wait.
	PingTimeout time.Duration
	// UpgradeTimeout is how long an upgrade may take, from the opening of the
	// new transport to its end; 10 s when 0. It is extended for a peer that was
	// answered with packets and has not sent another GET: the peer may still be
	// reading.
	UpgradeTimeout time.Duration

	// RequestTimeout is how long a peer may take to send one HTTP request with
	// its body; 30 s when 0. It does not apply to a parked GET, which has been
	// sent.
	RequestTimeout time.Duration
	// IdleTimeout is how long a connection is kept between two HTTP requests;
	// 75 s when 0.
	IdleTimeout time.Duration
	// DestroyUpgradeTimeout applies to upgrades outside of Path without a
	// Fallback, which are answered with status 404: it is how long the peer may
	// take to read the answer and close the connection; 1 s when 0. If it is
	// negative, such requests are answered like any other.
	DestroyUpgradeTimeout time.Duration

	// MaxHTTPBufferSize is the size in bytes of the largest accepted POST body
	// and WebSocket message; clients receive it as maxPayload. 1,000,000 when
	// 0. A WebSocket message may have 4,096 frames, or one for each 256 bytes
	// of this size if that is more.
	MaxHTTPBufferSize int64
	// MaxSessions is how many sessions may be open at a time, over polling and
	// WebSocket together; 1,000,000 when 0. Handshakes beyond are refused.
	MaxSessions int64
	// MaxReceiving is how many bytes all connections together may hold of
	// messages and requests that are not complete. Each loop has an equal
	// share. Those that hold less than 4 KiB are not counted. The default for 0
	// is an eighth of GOMEMLIMIT, or 256 MiB if that is not set.
	//
	// When half of it is used, connections that hold more than a fair part are
	// not read until there is room, except for one at a time. While some wait,
	// connections whose message takes longer than RequestTimeout are closed
	// with [ErrReceiving], the largest first; sessions that the upper layer has
	// not admitted ([Session.Admit]) and requests that name no session are
	// closed before those. At the bound all wait but one, which is closed if it
	// does not complete its message. Beyond the bound there may be one message,
	// and one read of up to 64 KiB for each connection.
	MaxReceiving int64
	// MaxHandshakeBytes is how many bytes all sessions together may keep of
	// what their peers have said: the requests of handshakes until they are
	// discarded, and what the upper layer counts ([Session.Keep]). Sessions
	// that keep no more than 4 KiB are not counted. Each of the others may keep
	// as much as is left when it asks, so a single one half of the bound. The
	// default for 0 is an eighth of GOMEMLIMIT, or 256 MiB if that is not set.
	// A handshake for which there is no room is refused as at MaxSessions.
	MaxHandshakeBytes int64
	// Loops is how many loops the server's connections are on; GOMAXPROCS when
	// 0.
	Loops int
	// MaxQueued is how many bytes may wait for a peer that does not take them;
	// 16 MiB when 0. Binary data counts as base64 if it is sent so. Before the
	// bound is passed, a parked GET is answered, or the WebSocket written to.
	// If it is passed all the same, the peer is too slow: the session ends when
	// the peer takes nothing for SlowTimeout, or when four times MaxQueued
	// would wait behind the first packet, which may have any size. Over
	// WebSocket loop.Config.MaxQueued applies instead; it should be the same.
	MaxQueued int
	// SlowTimeout is how long a peer for which more than MaxQueued waits may
	// take nothing of it; PingTimeout when 0. Over polling a peer takes
	// something when it fetches an answer or reads a part of one.
	SlowTimeout time.Duration

	// AddressLimits, when set, limits what one address may do.
	AddressLimits *AddressLimits

	// MaxCallbacks is how many requests may be with AllowRequest, GenerateID, a
	// Middleware or a handler of Static at a time, each on a goroutine; 65,536
	// when 0. Further requests wait. It is also how many connections may be
	// with Fallback, counted apart.
	MaxCallbacks int

	// Transports are the transports that clients may use: "polling",
	// "websocket" or both, which is the default when nil.
	Transports []string
	// NoUpgrades stops the server from offering an upgrade to WebSocket. A
	// client that upgrades without the offer is still served.
	NoUpgrades bool

	// TrustedProxies are the addresses of proxies in front of the server; none
	// when nil. Of a request from one of them, header fields say which address
	// it came from ([Session.RemoteAddr], and the RemoteAddr of the requests
	// that functions of the application get) and whether it came encrypted
	// ([Request.Secure]): X-Forwarded-For with X-Forwarded-Proto, and Forwarded
	// (RFC 7239). The lists in the fields are read from their end, where each
	// proxy adds the address that it got the request from: the first one that
	// is not a trusted proxy's is the client's. What is left of it may be
	// forged, and is ignored. If a proxy has written something that is no
	// address, the request has the address of that proxy, and [ProxyStats]
	// counts it.
	//
	// The proxy must set one of the fields, or add to it, in every request. A
	// client can send the other one too: if there are both and they contradict
	// each other, the request has the address of the proxy, and is not
	// encrypted. AddressField avoids that.
	TrustedProxies []netip.Prefix
	// AddressField is the only field from which the address is taken:
	// "X-Forwarded-For", "Forwarded", or the name of a field that has one
	// address, which the proxies replace in every request, such as X-Real-IP
	// or CF-Connecting-IP. With all but Forwarded, X-Forwarded-Proto says
	// whether the request came encrypted.
	AddressField string
	// ProxyProtocol, when set, is for proxies that pass on connections instead
	// of requests: they begin each one with the address of their client, which
	// takes the place of theirs, also for TrustedProxies. Connections of
	// [Server.Handler] have the address that net/http gives them.
	ProxyProtocol *ProxyProtocol

	// AllowEIO3 serves clients of protocol 3 too, such as Socket.IO 2.
	AllowEIO3 bool

	// AllowRequest, when set, decides about each handshake, once the request is
	// verified and before a session is made. An error refuses it, with status
	// 403 (400 for a WebSocket) and the error's text, or with "Forbidden" for
	// [ErrForbidden]. An error with a method StatusCode() int decides the
	// status, and an [HTTPError] the text and headers too. It runs on a
	// goroutine and may block.
	//
	// It can add values for [Request.Value] to the request's context:
	//
	//	*r = *r.WithContext(context.WithValue(r.Context(), userKey{}, user))
	AllowRequest func(*http.Request) error
	// GenerateID, when set, makes the sids, which must be unique and impossible
	// to guess. An error refuses the handshake with code 3. It runs on a
	// goroutine and may block. Sids of the server's own are cheaper, because
	// these are kept in a map.
	GenerateID func(*http.Request) (string, error)
	// Middleware runs before every request of the engine, polls and upgrades
	// included, in this order. Each one runs on a goroutine and may block. A
	// handler that does not call the next one answers the request itself, after
	// which the connection of an upgrade is closed. Headers that it sets until
	// it returns are added to the engine's answer, whether that is to a poll or
	// an upgrade, except for those that frame it. What it writes after it has
	// called the next one is dropped. A handler that wraps the ResponseWriter
	// gets no call of WriteHeader or Write from the next one, which returns
	// before the engine answers. Values that it adds to the context of a
	// handshake's request are those of [Request.Value] and [Session.Value]. A
	// panic refuses the request with code 3. The body can't be read. The cost
	// is a goroutine and an http.Request for each request; messages over
	// WebSocket cost nothing.
	Middleware []func(http.Handler) http.Handler
	// Origins are the only origins whose pages may use the engine, over any
	// transport; nil allows all. Each is what browsers send, such as
	// "https://example.com": in lower case, without a path, and without the
	// scheme's own port. "https://*.example.com" stands for all subdomains, of
	// any depth, but not for example.com itself. "null" stands for pages
	// without an origin, such as files and sandboxed frames. The server's own
	// origin must be listed too if it has pages that use the engine. Pages of
	// other origins are refused with code 4, status 403 (400 for an upgrade).
	//
	// Requests without an Origin field are served: programs send none, and
	// neither do pages for GETs of their own origin. JSONP is refused if the
	// request has none. A page of another origin also needs CORS for polling.
	// Static and Fallback are for all origins.
	Origins []string
	// CORS, when set, lets pages of other origins use polling and Static.
	CORS *CORS
	// Cookie, when set, is sent with the answer to each polling handshake.
	Cookie *Cookie
	// InitialHeaders may change the headers of a session's first answer, and
	// Headers those of every successful answer and upgrade. They run on the
	// loop and must not block. They can't change the headers that frame the
	// answer.
	InitialHeaders, Headers func(header http.Header, r *Request)
	// OnConnectionError is called for each request that is refused with one of
	// the protocol's codes, 0 to 5. It is not called for what is no valid HTTP
	// (400, 408, 413, 431), for a WebSocket version other than 13, and for
	// upgrades outside Path: see [Server.Violations]. It runs on the loop and
	// must not block.
	OnConnectionError func(*ConnectionError)
	// OnUpgrade is called when a session's transport has changed from polling
	// to WebSocket. It runs on the loop and must not block.
	OnUpgrade func(*Session)
	// OnPacket is called with each packet that comes in over a session's
	// transport, heartbeats included, before it is handled; OnPacketCreate with
	// each that is about to be sent, but for those that belong to a transport
	// alone (open, noop, close, the answer to a probe). The data is borrowed
	// and must not be changed. OnHeartbeat is called when a heartbeat of the
	// peer has come: with protocol 4 its answer to a ping, with protocol 3 its
	// ping. OnDrain is called when all that was sent is with the operating
	// system, or in the answer to a poll. They run on the loop and must not
	// block. Without any of them a packet costs nothing more; with one, about a
	// microsecond for each call.
	OnPacket, OnPacketCreate func(s *Session, p Packet)
	OnDrain, OnHeartbeat     func(*Session)
	// InitialPacket, unless nil, is sent as a message right after the open
	// packet: binary if InitialPacketBinary is set, otherwise text.
	InitialPacket       []byte
	InitialPacketBinary bool

	// HTTPCompression is the size in bytes from which the bodies of polling
	// responses are compressed for clients that accept gzip or deflate: 1,024
	// when 0; [CompressAll] compresses all bodies. A negative value turns
	// compression off.
	HTTPCompression int
	// PerMessageDeflate, when set, compresses WebSocket messages.
	PerMessageDeflate *PerMessageDeflate

	// Forwarding, when set, passes requests of sessions that live on other
	// nodes of a cluster on to those nodes.
	Forwarding *Forwarding

	// Static has handlers for paths under Path, by what follows Path and a
	// slash, such as "socket.io.js". Escapes are not resolved. Each request has
	// a goroutine of its own. Before its handler is called, its body is read,
	// up to MaxHTTPBufferSize. The response is buffered and sent when the
	// handler returns. Hijacking and upgrades are not supported.
	Static map[string]http.Handler
	// Fallback serves the requests outside of Path, upgrades included; they get
	// status 404 when it is nil. Their connections leave the loops and are
	// served by a net/http server, with all that this has, until they have been
	// without a request for a second, or bring a request under Path. The peer
	// must send each head within RequestTimeout, in at most 16 KiB, and must
	// not stop sending a body, or taking an answer, for as long, unless
	// Fallback sets deadlines by http.ResponseController or hijacks. Bodies are
	// not bounded. The connections count for MaxCallbacks, and not as the
	// engine's. See [Server.CloseFallback] for their end. Connections that can't
	// leave (loop.Conn.CanDetach) are served as for Static.
	Fallback http.Handler

	// Logger receives what an operator should know; slog.Default() when nil. At
	// debug level it also receives the life of each connection, in the scopes
	// "engine" and "engine:socket" of package logscope, and at
	// logscope.LevelTrace each packet's type. It is called on loops too and
	// must not block. Of the records at level Info and above with the same
	// message, 10 pass in a second; one more counts the rest.
	Logger *slog.Logger
}
