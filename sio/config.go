package sio

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"runtime"
	"time"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/safelog"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/workload"
)

// Config is what a [Server] is made from. The zero value is the reference
// server's defaults. It is read once, by New.
type Config struct {
	// Path is the prefix of the paths that belong to the server, as clients
	// send them: "/socket.io/" when empty. A missing slash at its end is added.
	// What a URL does not have as it is must be escaped, a space as "%20".
	Path string
	// Loops is the number of event loops; GOMAXPROCS when 0, at most 256.
	Loops int

	// PingInterval is the time between two heartbeats of an answering client;
	// 25 s when 0.
	PingInterval time.Duration
	// PingTimeout is how long a client may take to answer a heartbeat; 20 s
	// when 0.
	PingTimeout time.Duration
	// UpgradeTimeout is how long an upgrade from polling to WebSocket may take;
	// 10 s when 0.
	UpgradeTimeout time.Duration
	// ConnectTimeout is how long a client may stay without having joined a
	// namespace; 45 s when 0. Then its connection is closed at once, and its
	// session is gone.
	ConnectTimeout time.Duration

	// LeaveTimeout is how long a handler of an event that starts after the
	// client has left may take until its context is done: see [HandlerFunc]; 5
	// s when 0. While sockets wait for one of MaxHandlers it is an eighth of
	// that at least.
	LeaveTimeout time.Duration

	// MaxHTTPBufferSize is the largest accepted message, attachment and polling
	// body in bytes; 1,000,000 when 0. It also bounds what the sockets of one
	// connection keep as [Handshake.Auth], all together: a namespace that would
	// keep more is refused.
	MaxHTTPBufferSize int64
	// MaxAttachments is how many binary values one packet of a client may have;
	// 10 when 0.
	MaxAttachments int
	// MaxReceiving is how many bytes all connections together may hold of
	// packets, attachments and requests that are not complete; an eighth of
	// GOMEMLIMIT when 0, or 256 MiB if that is not set. Connections that hold
	// more than others wait, and clients that have joined no namespace are
	// closed first: see [eio.Config].
	MaxReceiving int64
	// MaxHandshakeBytes is how many bytes all connections together may keep of
	// first requests (see DiscardRequest), [Handshake].Auth and data
	// ([Socket.SetData]); an eighth of GOMEMLIMIT when 0, or 256 MiB if that is
	// not set. Connections that keep no more than 4 KiB are left out. Each of
	// the others may keep as much as is then left of the limit, so one alone
	// half of it; those that bring little are let in where those that bring
	// much are not. A connection or a namespace for which there is no room is
	// refused, and SetData returns [ErrDataSize].
	MaxHandshakeBytes int64
	// MaxQueued is how many bytes may wait for a client; 16 MiB when 0. Each
	// packet counts for 128 bytes more, over polling for 256. Before it is
	// passed, what waits is offered to the client: a parked poll is answered, a
	// WebSocket written to. When it is passed all the same, SlowConsumer
	// decides. One packet alone may be larger.
	MaxQueued int
	// SlowTimeout is how long a client for which more than MaxQueued waits may
	// take nothing before it is too slow; PingTimeout when 0. It takes
	// something when the kernel gets rid of bytes on their way to it, or it
	// fetches an answer. One that does has up to four times MaxQueued, behind
	// the first packet that waits.
	SlowTimeout time.Duration
	// MaxQueuedTotal bounds what waits for all clients that don't read at the
	// moment; 1 GiB when 0. A packet counts for each client that it waits for,
	// and each loop has its equal share. When it is passed, the clients with
	// the largest backlogs are disconnected as too slow until an eighth of the
	// share is free: first of those that have taken nothing for a second, then
	// of all.
	MaxQueuedTotal int
	// SlowConsumer is what happens to a client that is too slow: its connection
	// is closed unless another policy is chosen.
	SlowConsumer SlowPolicy
	// OnSlowConsumer is called with what was done. It runs on the loop and must
	// not block.
	OnSlowConsumer func(SlowEvent)
	// MaxNamespaces is how many namespaces beside "/" one connection may be in,
	// or wait for; 128 when 0. Further ones are refused.
	MaxNamespaces int
	// MaxRooms is how many rooms one socket may be in, beside that of its own
	// id; 0 is no limit. [Socket.Join] then returns [ErrTooManyRooms]; SocketsJoin
	// leaves the socket out, and [Stats] counts it.
	MaxRooms int
	// MaxDynamicNamespaces is how many dynamic namespaces (see
	// [Server.OfPattern]) may exist; 10,000 when 0. At the bound a client that
	// asks for a new one is refused and counted in [Stats]; those that exist
	// can be joined, and [Server.Of] still makes some. Each costs about 1,250
	// bytes with two loops while it is empty, and ends then unless
	// KeepEmptyNamespaces is set.
	MaxDynamicNamespaces int
	// MaxPending is how many events of one connection may wait for handlers,
	// with its middlewares, connection and disconnect handlers; 1,024 when 0,
	// at most 4,194,304. MaxPendingBytes is the same for the size of the
	// events' arguments, of the authentication data of sockets in middlewares,
	// and of what sockets that have ended keep of it and of data
	// ([Config.MaxHandshakeBytes]) until their disconnect handlers return; 4
	// MiB when 0. When either is reached, which one event may pass, the
	// connection is not read until half of it is gone: TCP slows the client
	// down, over polling the answer to its POST waits, and nothing is lost.
	// Heartbeats to it go on, and its silence is not held against it. [Stats]
	// counts the pauses.
	MaxPending      int
	MaxPendingBytes int64
	// MaxPendingTotal and MaxPendingTotalBytes bound the same over all
	// connections: 262,144 events and 256 MiB when 0. Each loop has its equal
	// share. A connection for which as much waits as is left of that share is
	// not read either, so those for which most waits have to wait first. One
	// for which nothing waits can always bring an event. An event does not wait
	// any more once its handler runs, but its arguments count until that
	// returns, for the connection's MaxPendingBytes, too.
	//
	// What waits for clients whose connections are over does not count. Their
	// events may be as many and as large once more; beyond that, the events of
	// the sockets that left first are dropped and counted in [Stats].Unhandled.
	// When their middlewares, their connection and disconnect handlers and the
	// events that run are as many or as large, new clients are refused.
	MaxPendingTotal      int
	MaxPendingTotalBytes int64
	// MaxHandlers is for how many sockets handlers may run at the same time, on
	// a goroutine each; 65,536 when 0. Inline handlers don't count. While so
	// many run, the events of other sockets, their middlewares and connection
	// and disconnect handlers wait for one to end, first come, first served,
	// within the limits above. What a handler waits for must therefore not come
	// from that many others: an acknowledgement ([EmitAck]) and the end of a
	// context do not, as they need no handler here. Beside them as many HTTP
	// requests may be with AllowRequest, GenerateID and Middleware, and as many
	// connections with Handler.
	MaxHandlers int
	// MaxConnections is how many TCP connections are accepted at most; 0 leaves
	// it to the limit of open files.
	MaxConnections int
	// SocketMode has the permissions of the files of unix sockets that Listen
	// makes; 0 leaves them to the process's umask. A client needs permission to
	// write.
	SocketMode fs.FileMode
	// TLS, when set, has Listen serve with TLS, on the event loops; ServeTLS
	// uses it too, while Serve and Handler do not. An idle connection costs about 4 KB more than without. Clients speak HTTP/1.1:
	// "h2" is taken out of NextProtos, and "http/1.1" is set where there is
	// nothing. The server keeps a copy, so certificates change by
	// GetCertificate, see [Certificates], and session ticket keys by
	// GetConfigForClient. These functions, and those that verify, run on a
	// goroutine and may block; hello.Context() ends with the connection. With
	// session ticket keys of its own (SetSessionTicketKeys, the same ones at
	// each server) clients can resume sessions of one server of a cluster at
	// another.
	TLS *tls.Config
	// TLSHandshakeTimeout is how long a TLS handshake may take, from the
	// connection's beginning; RequestTimeout when 0.
	TLSHandshakeTimeout time.Duration
	// MaxTLSHandshakes is how many TLS handshakes may run at a time, each on a
	// goroutine, from the client's first message to its last; 1,024 when 0. The
	// others wait, in turn by address (of IPv6 the first 64 bits), of which one
	// can have a quarter. Half of GOMAXPROCS compute at a time.
	MaxTLSHandshakes int
	// MaxTLSBuffered is how many bytes all connections together may hold of TLS
	// records, and of first messages of handshakes, that are not complete; 64
	// MiB when 0. Each loop has its equal share. Beyond it the connection that
	// has waited longest for the rest is closed, and counted in Stats.
	MaxTLSBuffered int
	// MaxSessions is how many Engine.IO sessions may be open at a time, over
	// polling and WebSocket together; handshakes beyond are refused. 1,000,000
	// when 0.
	MaxSessions int64
	// MaxUnjoined is how many clients that have joined no namespace yet may be
	// connected; 32,768 when 0. One more is let in all the same: another is
	// closed for it at once, the oldest one of the address that has the most
	// (of IPv6 its first 64 bits count), and counted in [Stats]. Behind a proxy
	// all clients have one address, unless it is one of TrustedProxies or
	// ProxyProtocol.
	MaxUnjoined int

	// AddressLimits, when set, limits the connections, handshakes and failed
	// handshakes of each address; see [eio.AddressLimits]. A namespace that a
	// middleware refuses counts as a failed handshake. When these were too
	// many, further namespaces are refused without asking the middlewares.
	AddressLimits *eio.AddressLimits

	// RequestTimeout is how long a peer may take to send one HTTP request; 30 s
	// when 0.
	RequestTimeout time.Duration
	// IdleTimeout is how long a connection is kept between two HTTP requests;
	// 75 s when 0.
	IdleTimeout time.Duration
	// NoTrailingSlash leaves Path without a slash at its end, so that targets
	// without one belong to the server too.
	NoTrailingSlash bool
	// DestroyUpgradeTimeout is how long the connection of an upgrade outside
	// Path, which is answered with status 404, is kept for the client to take
	// the answer and close it; 1 s when 0, no longer than for other requests
	// when negative. A Handler gets such upgrades instead.
	DestroyUpgradeTimeout time.Duration

	// Transports are the transports that clients may use, of "polling" and
	// "websocket"; both when nil.
	Transports []string
	// NoUpgrades stops the server from offering an upgrade from polling to
	// WebSocket.
	NoUpgrades bool
	// AllowEIO3 serves the clients of Socket.IO 2 too (protocol 4 over
	// Engine.IO 3).
	AllowEIO3 bool
	// Origins are the only origins whose pages may use the server, over any
	// transport; nil allows all. An origin is what browsers send, such as
	// "https://example.com"; "https://*.example.com" stands for all its
	// subdomains, "null" for pages without an origin. The server's own must be
	// listed too if it has pages that connect. Programs send none and are
	// served. A page of another origin also needs CORS for polling. See
	// [eio.Config] for the rest.
	Origins []string
	// CORS, when set, lets pages of other origins use polling and the client's
	// files.
	CORS *eio.CORS
	// Cookie, when set, is sent with the answer to each polling handshake.
	Cookie *eio.Cookie
	// AllowRequest, when set, decides about each connection before it is made:
	// see [eio.Config]. Middlewares of namespaces come later and cost less.
	AllowRequest func(*http.Request) error
	// Middleware runs before every HTTP request of the engine: see
	// [eio.Config].
	Middleware []func(http.Handler) http.Handler
	// TrustedProxies are the addresses of proxies in front of the server. What
	// they say in X-Forwarded-For, X-Forwarded-Proto or Forwarded decides
	// [Handshake].Address and Secure, and which address a client counts for
	// where limits hold for each address. None is trusted when nil. See
	// [eio.Config].
	TrustedProxies []netip.Prefix
	// AddressField is the only field from which TrustedProxies take the
	// address, such as X-Real-IP: see [eio.Config].
	AddressField string
	// ProxyProtocol, when set, is for proxies that begin each connection with a
	// header of the PROXY protocol, version 1 or 2, which takes the place of
	// their own address: see [eio.ProxyProtocol]. It excludes TLS.
	ProxyProtocol *eio.ProxyProtocol
	// GenerateID, when set, makes the ids of connections; see [eio.Config]. Ids
	// of sockets are always the server's own.
	GenerateID func(*http.Request) (string, error)
	// InitialHeaders may change the headers of the first answer of a
	// connection, and Headers those of every successful answer and upgrade; see
	// [eio.Config]. They run on the loop and must not block.
	InitialHeaders, Headers func(header http.Header, r *eio.Request)
	// InitialPacket, unless nil, is sent as an Engine.IO message right after
	// the handshake: binary if InitialPacketBinary is set, else text. Clients
	// of Socket.IO take it for one of their packets.
	InitialPacket       []byte
	InitialPacketBinary bool

	// OnOpen is called for each connection that a client makes, OnUpgrade when
	// its transport has changed from polling to WebSocket, and OnClose when it
	// is over, with the reason that its sockets get too if they are still
	// connected. They run on the loop and must not block.
	OnOpen, OnUpgrade func(c *Conn)
	OnClose           func(c *Conn, reason Reason)
	// OnPacket is called with each Engine.IO packet that comes from a client,
	// heartbeats included, before it is handled; OnPacketCreate with each that
	// is about to be sent to one, but for those that belong to a transport alone
	// (open, noop, close, the answer to a probe). The data is borrowed and must
	// not be changed. OnHeartbeat is called when a client has answered a
	// heartbeat (with protocol 3: when its own has come). OnDrain is called when
	// all that was sent to a client is with the operating system, or in the
	// answer to a poll. They run on the loop and must not block. Without any of
	// them a packet costs nothing more; with one, about a microsecond for each
	// call. For events see [Namespace.OnAny] and [Namespace.OnAnyOutgoing].
	OnPacket, OnPacketCreate func(c *Conn, p EnginePacket)
	OnDrain, OnHeartbeat     func(c *Conn)
	// OnConnectionError is called for each request that is refused with one of
	// the protocol's codes, 0 to 5. It is not called for what is no valid HTTP
	// (400, 408, 413, 431), for a WebSocket version other than 13, and for
	// upgrades outside Path: see [Stats].Violations. It runs on the loop and
	// must not block.
	OnConnectionError func(*eio.ConnectionError)
	// HTTPCompression is the size in bytes from which the bodies of polling
	// responses are compressed: 1,024 when 0, all with [eio.CompressAll].
	// Negative turns compression off.
	HTTPCompression int
	// PerMessageDeflate, when set, compresses WebSocket messages.
	PerMessageDeflate *eio.PerMessageDeflate

	// Adapter, when set, connects each namespace with those of the same name on
	// other servers. It is called when a namespace is made, and must not use
	// the server.
	Adapter func(local adapter.Local) adapter.Adapter

	// Forwarding, when set, makes the server one node of a cluster whose load
	// balancer need not keep a client at one node: what lands on the wrong node
	// is passed on, see [eio.Forwarding]. It is about the connections alone;
	// Adapter connects the namespaces.
	Forwarding *eio.Forwarding

	// KeepEmptyNamespaces keeps the dynamic namespaces (see [Server.OfPattern])
	// that clients have made. By default one ends with its last socket, whether
	// that leaves or is refused; with ConnectionStateRecovery it stays as long
	// as a client may come back. It is made again when it is asked for; what is
	// done to the old one reaches no socket. One that [Server.Of] has made
	// stays, and so does one that handlers, middlewares or listeners were added
	// to after the hooks of [Server.OnNamespace] have returned.
	KeepEmptyNamespaces bool

	// Parser, when set, is the form of packets instead of the protocol's own:
	// see [MessagePack].
	Parser Parser

	// ConnectionStateRecovery, when set, gives clients that come back after a
	// lost connection their sockets back, and what they have missed.
	ConnectionStateRecovery *Recovery

	// Drain is how Shutdown lets the clients go; all at once by default.
	Drain Drain

	// DiscardRequest drops the first HTTP request of a client once it has
	// joined its first namespace and the connection handlers have returned:
	// middlewares and connection handlers see it. Afterwards, and in namespaces
	// joined later, [Socket.Handshake] has only the address and Auth. It saves
	// about 230 bytes of resident memory a connection.
	DiscardRequest bool

	// Client holds the browser client's files, socket.io.js and its siblings,
	// in its root. They are served under Path; a missing one is a 404 that says
	// so.
	Client fs.FS
	// NoClient stops the server from serving the browser client.
	NoClient bool
	// Handler serves the requests outside Path; they get a 404 when it is nil.
	// With Listen a net/http server calls it, so it may do what handlers may do
	// there: stream ([http.Flusher], [http.ResponseController]), read bodies of
	// any size, hijack, upgrade to a protocol of its own, send trailers, 100
	// Continue and 103 Early Hints, set deadlines, and panic with
	// [http.ErrAbortHandler]. With [Server.Handler] it gets the calls of the
	// net/http server around that.
	//
	// What a request costs is what it costs in net/http, and about as much once
	// more when its connection leaves its loop, and again when it comes back: a
	// second after the last answer, or with a request under Path. While it is
	// there it has a goroutine and buffers, about 20 KB.
	//
	// At most MaxHandlers connections are with it, from their request until
	// they come back or end, those that it has hijacked included. Others wait,
	// unread. A head of a request may have 16 KiB, and RequestTimeout to come.
	// A peer that sends nothing of a body, or takes nothing of an answer, for
	// RequestTimeout loses its connection, unless Handler sets deadlines by
	// [http.ResponseController] or hijacks. Bodies are not bounded: use
	// [http.MaxBytesReader]. MaxConnections and Stats.Loop leave out the
	// connections that are with Handler; Stats.Handler has them.
	//
	// [Server.Shutdown] waits until Handler has returned, like
	// [http.Server.Shutdown], and when its context ends closes the connections,
	// which ends the contexts of their requests. It leaves alone what was
	// hijacked. HTTP/2 is not served.
	//
	// On connections that goroutines drive and that are more than a descriptor,
	// such as those of tls.NewListener (see [Server.Serve]; Config.TLS on Linux
	// has none), Handler gets a request when its body, of at most
	// MaxHTTPBufferSize, has come, and its answer is sent when it returns. It
	// can't stream or hijack there.
	Handler http.Handler

	// WrapHandlers are called for each handler of events when it is registered:
	// what they return is called instead. They measure, trace or log handlers:
	// see packages metrics and otelsio. The first is outermost. The handler gets
	// the event as the wrapped one does; it must not keep it when that returns,
	// and, if it is [Inline], not block. A typed handler ([On], [OnAck]) is
	// wrapped with the decoding of its arguments. Without any, handlers cost
	// what they cost.
	WrapHandlers []HandlerWrapper

	// OnPanic, when set, is called after a handler has panicked with v, or, v
	// being [ErrGoexit], has ended its goroutine; this is also logged and
	// counted. event is its event, or "connection", "middleware", "error",
	// "disconnecting" or "disconnect", "namespace" for a function of
	// [Server.OfFunc] or a hook of [Server.OnNamespace], "restore" for a
	// Recoverer, "outgoing" for a listener to all outgoing events, or "" for
	// the encoding of the socket's data. s keeps its connection, except that it
	// is refused when a middleware, and disconnected when a connection handler
	// has panicked. It is called on the goroutine of the handler. Panics of
	// hooks that belong to no socket (OnOpen, OnUpgrade, OnClose,
	// OnSlowConsumer, OnError, and those of OnRoom, OnServerEvent and
	// Recovery.OnExpire) are logged and counted only.
	OnPanic func(s *Socket, event string, v any, stack []byte)
	// OnError, when set, is called with what a handler of an event returned,
	// with an [*ArgumentError] when the event's arguments did not fit the
	// handler, and with a [*PacketError] (event is "") for each of the client's
	// sockets when its connection is closed because of an invalid packet.
	// Errors are also logged at debug level and counted in [Stats]. It may be
	// called on a loop: it must not block.
	OnError func(s *Socket, event string, err error)
	// AnswerErrors has events that ask for an acknowledgement get one when their
	// handler fails, in the form of [Error]: with the code "invalid_argument"
	// and the argument's index when an argument does not fit the handler, and
	// with "internal" and a text that says nothing of the error for any other
	// error, for what packet middlewares return, and for panics. Without it
	// only errors that are an Error are answered, as the reference, which
	// answers none, leaves that to the handlers.
	AnswerErrors bool
	// EventLimits, when set, limits how many events each socket and each
	// address may send.
	EventLimits *EventLimits
	// OnEventLimit, when set, is called for each event beyond EventLimits, with
	// what is done. It runs on the loop and must not block.
	OnEventLimit func(s *Socket, event string, did EventPolicy)
	// Logger receives what an operator should know; slog.Default() when nil. At
	// debug level it also gets what becomes of each connection and socket: see
	// the package comment, and [LogScopes] to turn parts of that on while the
	// server runs. Of the records at level Info and above with the same message,
	// 10 pass in a second; one more counts the rest, in the attribute "more". It
	// is called on loops too and must not block.
	Logger *slog.Logger
}

func (cfg *Config) withDefaults() error {
	if cfg.Path == "" {
		cfg.Path = "/socket.io/"
	}
	if cfg.Loops == 0 {
		cfg.Loops = min(runtime.GOMAXPROCS(0), maxLoops)
	}
	if cfg.Loops < 0 || cfg.Loops > maxLoops {
		return fmt.Errorf("sio: Config.Loops is %d; it must be between 1 and %d, or 0 for GOMAXPROCS", cfg.Loops, maxLoops)
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 45 * time.Second
	}
	if cfg.ConnectTimeout < time.Millisecond {
		return fmt.Errorf("sio: Config.ConnectTimeout is %v; it must be at least 1ms, or 0 for 45s", cfg.ConnectTimeout)
	}
	if cfg.LeaveTimeout == 0 {
		cfg.LeaveTimeout = 5 * time.Second
	}
	if cfg.LeaveTimeout < time.Millisecond {
		return fmt.Errorf("sio: Config.LeaveTimeout is %v; it must be at least 1ms, or 0 for 5s", cfg.LeaveTimeout)
	}
	if cfg.MaxHTTPBufferSize == 0 {
		cfg.MaxHTTPBufferSize = eio.DefaultMaxHTTPBufferSize
	}
	if err := limit("Config.MaxAttachments", &cfg.MaxAttachments, socketio.DefaultMaxAttachments, fmt.Sprint(socketio.DefaultMaxAttachments)); err != nil {
		return err
	}
	cfg.MaxAttachments = min(cfg.MaxAttachments, math.MaxInt32)
	if cfg.MaxQueued == 0 {
		cfg.MaxQueued = eio.DefaultMaxQueued
	}
	if cfg.SlowTimeout != 0 && cfg.SlowTimeout < time.Millisecond {
		return fmt.Errorf("sio: Config.SlowTimeout is %v; it must be at least 1ms, or 0 for PingTimeout", cfg.SlowTimeout)
	}
	if cfg.MaxQueuedTotal < 0 || int64(cfg.MaxQueuedTotal) > 1<<50 {
		return fmt.Errorf("sio: Config.MaxQueuedTotal is %d; it must be between 1 and 1<<50, or 0 for 1 GiB", cfg.MaxQueuedTotal)
	}
	if cfg.SlowConsumer > SlowDropOldest {
		return fmt.Errorf("sio: Config.SlowConsumer is %v; it must be SlowDisconnect, SlowDropNewest or SlowDropOldest", cfg.SlowConsumer)
	}
	if cfg.SlowConsumer == SlowDropNewest && cfg.ConnectionStateRecovery != nil {
		return errors.New("sio: Config.SlowConsumer is SlowDropNewest; with ConnectionStateRecovery it must be another, as clients could not recover what is dropped")
	}
	if err := cmp.Or(
		limit("Config.MaxPending", &cfg.MaxPending, 1024, "1024"),
		limit("Config.MaxNamespaces", &cfg.MaxNamespaces, 128, "128"),
		limit("Config.MaxDynamicNamespaces", &cfg.MaxDynamicNamespaces, 10_000, "10000"),
		limit("Config.MaxPendingBytes", &cfg.MaxPendingBytes, 4<<20, "4 MiB"),
		limit("Config.MaxPendingTotal", &cfg.MaxPendingTotal, 1<<18, "262144"),
		limit("Config.MaxPendingTotalBytes", &cfg.MaxPendingTotalBytes, 256<<20, "256 MiB"),
		limit("Config.MaxSessions", &cfg.MaxSessions, eio.DefaultMaxSessions, "1000000"),
		limit("Config.MaxUnjoined", &cfg.MaxUnjoined, 1<<15, "32768"),
		limit("Config.MaxTLSHandshakes", &cfg.MaxTLSHandshakes, 1024, "1024"),
		limit("Config.MaxTLSBuffered", &cfg.MaxTLSBuffered, 64<<20, "64 MiB"),
		atMost("Config.MaxTLSHandshakes", cfg.MaxTLSHandshakes, 1<<20),
		atMost("Config.MaxTLSBuffered", int64(cfg.MaxTLSBuffered), 1<<50),
		limit("Config.MaxHandlers", &cfg.MaxHandlers, 1<<16, "65536"),
		atMost("Config.MaxQueued", int64(cfg.MaxQueued), 1<<40),
		atMost("Config.MaxConnections", int64(cfg.MaxConnections), 1<<30),
		atMost("Config.MaxPending", cfg.MaxPending, workload.MaxJobs),
		atMost("Config.MaxPendingTotal", cfg.MaxPendingTotal, workload.MaxJobs),
		atMost("Config.MaxPendingBytes", cfg.MaxPendingBytes, workload.MaxBytes),
		atMost("Config.MaxPendingTotalBytes", cfg.MaxPendingTotalBytes, workload.MaxBytes),
	); err != nil {
		return err
	}
	if cfg.MaxRooms < 0 {
		return fmt.Errorf("sio: Config.MaxRooms is %d; it must be positive, or 0 for no limit", cfg.MaxRooms)
	}
	if cfg.TLS != nil && cfg.ProxyProtocol != nil {
		return errors.New("sio: Config.TLS and ProxyProtocol are set; a PROXY header comes before TLS, which is not served: let the proxy end TLS")
	}
	if cfg.TLS != nil {
		if _, err := loop.NewTLS(cfg.TLS); err != nil {
			return fmt.Errorf("sio: Config.TLS: %w", err)
		}
	}
	if cfg.TLSHandshakeTimeout < 0 {
		return fmt.Errorf("sio: Config.TLSHandshakeTimeout is %v; it must be positive, or 0 for RequestTimeout", cfg.TLSHandshakeTimeout)
	}
	if cfg.MaxConnections < 0 {
		return fmt.Errorf("sio: Config.MaxConnections is %d; it must be positive, or 0 for the limit of open files", cfg.MaxConnections)
	}
	if err := cfg.Drain.check(); err != nil {
		return err
	}
	cfg.Logger = safelog.Wrap(cfg.Logger)
	if r := cfg.ConnectionStateRecovery; r != nil {
		own := *r
		cfg.ConnectionStateRecovery = &own
		return cfg.ConnectionStateRecovery.withDefaults()
	}
	return nil
}

// limit sets a field that is 0 to its default, of which text is what a person
// reads, and refuses a negative one.
func limit[N int | int64 | time.Duration](field string, value *N, unset N, text string) error {
	if *value == 0 {
		*value = unset
	}
	if *value < 0 {
		return fmt.Errorf("sio: %s is %v; it must be positive, or 0 for %s", field, *value, text)
	}
	return nil
}

// atMost refuses a value beyond a maximum.
func atMost[N int | int64](field string, value, most N) error {
	if value > most {
		return fmt.Errorf("sio: %s is %v; it must be at most %v", field, value, most)
	}
	return nil
}

// engine is the part of cfg that the engine checks and uses.
// TestEngineConfig fails if a field is missing.
func (cfg *Config) engine() eio.Config {
	return eio.Config{
		Path:              cfg.Path,
		PingInterval:      cfg.PingInterval,
		PingTimeout:       cfg.PingTimeout,
		UpgradeTimeout:    cfg.UpgradeTimeout,
		MaxHTTPBufferSize: cfg.MaxHTTPBufferSize,
		MaxQueued:         cfg.MaxQueued,
		SlowTimeout:       cfg.SlowTimeout,
		MaxSessions:       cfg.MaxSessions,
		MaxReceiving:      cfg.MaxReceiving,
		MaxHandshakeBytes: cfg.MaxHandshakeBytes,
		Loops:             cfg.Loops,
		Transports:        cfg.Transports,
		NoUpgrades:        cfg.NoUpgrades,
		AllowEIO3:         cfg.AllowEIO3,
		Origins:           cfg.Origins,
		CORS:              cfg.CORS,
		Cookie:            cfg.Cookie,
		AllowRequest:      cfg.AllowRequest,
		Middleware:        cfg.Middleware,
		OnConnectionError: cfg.OnConnectionError,
		RequestTimeout:    cfg.RequestTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		NoTrailingSlash:   cfg.NoTrailingSlash,
		GenerateID:        cfg.GenerateID,
		MaxCallbacks:      cfg.MaxHandlers,
		TrustedProxies:    cfg.TrustedProxies,
		AddressField:      cfg.AddressField,
		ProxyProtocol:     cfg.ProxyProtocol,
		AddressLimits:     cfg.AddressLimits,
		Forwarding:        cfg.Forwarding,
		InitialHeaders:    cfg.InitialHeaders,
		Headers:           cfg.Headers,
		InitialPacket:     cfg.InitialPacket,

		InitialPacketBinary:   cfg.InitialPacketBinary,
		DestroyUpgradeTimeout: cfg.DestroyUpgradeTimeout,
		HTTPCompression:       cfg.HTTPCompression,
		PerMessageDeflate:     cfg.PerMessageDeflate,
		Fallback:              cfg.Handler,
		Logger:                cfg.Logger,
	}
}
