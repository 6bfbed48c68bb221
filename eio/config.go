package eio

import (
	"log/slog"
	"net/http"
	"net/netip"
	"time"
)

// Config is what a [Server] is made from. The zero value is the reference
// server's defaults. It is read once, by NewServer. Durations beyond 36 years and
// sizes beyond 1<<50 bytes count as that.
//
// Its functions may panic or end their goroutine (runtime.Goexit): that is logged
// and counted ([Server.CallbackFailures]). A request that waits for one is then
// refused, with code 3, or with status 500 by Fallback and Static; what the others
// only hear of or change goes on without them.
//
// A loop waits for the functions that "run on the loop": they may use what the
// loop owns, and must not block. Each call costs about a microsecond.
type Config struct {
	// Path is the prefix of the paths that belong to the engine, as clients send
	// them: "/engine.io/" when empty. A missing slash at its end is added. What a URL
	// does not have as it is must be escaped, a space as "%20".
	Path string
	// NoTrailingSlash leaves Path without a slash at its end, so that targets
	// without one belong to the engine too.
	NoTrailingSlash bool

	// PingInterval is the time from the opening, or from the last pong, to the
	// next ping; 25 s when 0.
	PingInterval time.Duration
	// PingTimeout is how long a peer may take to answer a ping; 20 s when 0. Together
	// they must be at most 2^31-1 ms, which is how long clients can wait.
	PingTimeout time.Duration
	// UpgradeTimeout is how long an upgrade may take from the opening of the new
	// transport to its end; 10 s when 0. A peer that was answered with packets and
	// has not asked for more is waited for: it may still be reading.
	UpgradeTimeout time.Duration

	// RequestTimeout is how long a peer may take to send one HTTP request, its body
	// included; 30 s when 0. A parked GET is no longer being sent.
	RequestTimeout time.Duration
	// IdleTimeout is how long a connection is kept between two HTTP requests; 75 s when 0.
	IdleTimeout time.Duration
	// DestroyUpgradeTimeout is how long the connection of an upgrade outside Path, which
	// is answered with status 404, is kept for the peer to take the answer and close
	// it; 1 s when 0. Negative hands such requests to Fallback like any other.
	DestroyUpgradeTimeout time.Duration

	// MaxHTTPBufferSize is the largest accepted POST body and WebSocket message in
	// bytes, told to clients as maxPayload; 1,000,000 when 0. A WebSocket message may
	// have 4,096 frames, or one for every 256 bytes of this size if that is more.
	MaxHTTPBufferSize int64
	// MaxSessions is how many sessions may be open at a time, over polling and
	// WebSocket together; handshakes beyond are refused. 1,000,000 when 0.
	MaxSessions int64
	// MaxReceiving is how many bytes all connections together may hold of messages and
	// requests that are not complete, each loop having its equal share, unfinished ones
	// of less than 4 KiB left out; an eighth of GOMEMLIMIT when 0, or 256 MiB if that
	// is not set. From the half of it on, connections that hold more than a fair part
	// are not read until there is room, one at a time excepted, and while some wait
	// those whose message takes longer than RequestTimeout are closed with
	// [ErrReceiving], the largest first, and before them sessions that the upper layer
	// has not admitted ([Session.Admit]) and requests that are not for a session. At
	// the bound all wait, and the one that is read is closed if its message does not
	// come to an end. One message, and of each connection one read of up to 64 KiB,
	// may be beyond the bound.
	MaxReceiving int64
	// MaxHandshakeBytes is how many bytes all sessions together may keep of what their
	// peers have said: the requests of handshakes until they are discarded, and what
	// the upper layer counts ([Session.Keep]). Sessions that keep no more than 4 KiB are
	// left out; the others may each keep as much as is then left, so one alone half of
	// it. An eighth of GOMEMLIMIT when 0, or 256 MiB if that is not set. A handshake for which there is no room is
	// refused as at MaxSessions.
	MaxHandshakeBytes int64
	// Loops is how many loops the server's connections are on; GOMAXPROCS when 0.
	Loops int
	// MaxQueued is how many bytes may wait for a peer that does not take them; 16 MiB
	// when 0. Binary data counts as base64 if it would be sent so. Before it is passed
	// a GET that is parked is answered, or the WebSocket written to. When it is passed
	// all the same, the peer is too slow, and the session ends, if it takes nothing
	// for SlowTimeout, or four times MaxQueued waits behind the first packet, which may
	// have any size.
	// Over WebSocket loop.Config.MaxQueued, which should be the same, takes its place.
	MaxQueued int
	// SlowTimeout is how long a peer for which more than MaxQueued waits may take
	// nothing of it; PingTimeout when 0. Over polling it takes something when it
	// fetches an answer, or reads of one.
	SlowTimeout time.Duration

	// MaxCallbacks is how many requests may be with AllowRequest, GenerateID, a
	// Middleware, Fallback or a handler of Static at a time, each on a goroutine;
	// 65,536 when 0. Those beyond wait.
	MaxCallbacks int

	// Transports are the transports that clients may use, of "polling" and
	// "websocket"; both when nil.
	Transports []string
	// NoUpgrades stops the server from offering an upgrade to WebSocket. A client
	// that tries nevertheless is still upgraded.
	NoUpgrades bool

	// TrustedProxies are the addresses of proxies that end TLS in front of the server.
	// A request that comes from one of them came encrypted if its X-Forwarded-Proto or
	// Forwarded field says so, the last element of a list being the proxy's own: see
	// [Request.Secure]. The proxy must set one of the fields, or add to it, in every
	// request. None is trusted when nil.
	TrustedProxies []netip.Prefix

	// AllowEIO3 serves clients of protocol 3 too, such as Socket.IO 2.
	AllowEIO3 bool

	// AllowRequest, when set, decides about each handshake, after the request was
	// verified and before a session is made. An error refuses it: with status 403
	// (400 for a WebSocket) and the error's text, or "Forbidden" for [ErrForbidden].
	// It runs on a goroutine and may block.
	AllowRequest func(*http.Request) error
	// GenerateID, when set, makes the sids; they must be unique and not guessable. An
	// error refuses the handshake with code 3. It runs on a goroutine and may block.
	// Sids of the server's own are cheaper: these are kept in a map.
	GenerateID func(*http.Request) (string, error)
	// Middleware runs before every request of the engine, polls and upgrades
	// included, in this order. Each runs on a goroutine and may block; a handler that
	// does not call the next one answers the request itself, which for an upgrade
	// closes the connection. What it does after the next one returned changes nothing.
	// Headers that it sets are added to the engine's answer. A panic refuses the
	// request with code 3. The body is not readable. The cost is a goroutine and an
	// http.Request for each request; messages over WebSocket cost nothing.
	Middleware []func(http.Handler) http.Handler
	// CORS, when set, lets pages of other origins use polling and Static.
	CORS *CORS
	// Cookie, when set, is sent with the answer to each polling handshake.
	Cookie *Cookie
	// InitialHeaders may change the headers of the first answer of a session, and
	// Headers those of every successful answer and upgrade. They run on the loop and
	// must not block; not every header can be changed: those of HTTP's framing can't.
	InitialHeaders, Headers func(header http.Header, r *Request)
	// OnConnectionError is told of each request that is refused. It runs on the loop
	// and must not block.
	OnConnectionError func(*ConnectionError)
	// OnUpgrade is told when a session's transport has changed from polling to
	// WebSocket. It runs on the loop and must not block.
	OnUpgrade func(*Session)
	// InitialPacket, unless nil, is sent as a message right after the open packet:
	// binary if InitialPacketBinary is set, else text.
	InitialPacket       []byte
	InitialPacketBinary bool

	// HTTPCompression is the size in bytes from which the bodies of polling responses
	// are compressed for clients that accept gzip or deflate: 1,024 when 0, all with
	// [CompressAll]. Negative turns compression off.
	HTTPCompression int
	// PerMessageDeflate, when set, compresses WebSocket messages.
	PerMessageDeflate *PerMessageDeflate

	// Forwarding, when set, serves requests of sessions that live on other nodes of a
	// cluster: by those nodes.
	Forwarding *Forwarding

	// Static has the handlers that serve what lies under Path, instead of the engine,
	// by what follows Path and a slash: "socket.io.js". Escapes are not resolved. A
	// handler is called as Fallback is.
	Static map[string]http.Handler
	// Fallback serves the requests outside Path, each on a goroutine of its own;
	// http.NotFoundHandler() when nil. Request bodies are limited to
	// MaxHTTPBufferSize and read before it is called; its response is buffered and
	// sent when it returns. Hijacking and upgrades are not supported.
	Fallback http.Handler

	// Logger receives what an operator should know; slog.Default() when nil. At debug
	// level it also gets what becomes of each connection. It is called on loops too
	// and must not block.
	Logger *slog.Logger
}
