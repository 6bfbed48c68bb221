package eio

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/eio/internal/deflate"
	"github.com/sioserver/sioserver/eio/internal/proxyfields"
	"github.com/sioserver/sioserver/eio/internal/wsframe"
	"github.com/sioserver/sioserver/loop"
)

// Upper is the layer on top of the sessions, such as Socket.IO. All its methods
// are called on the loop that owns the session, and must not block.
type Upper interface {
	// NewSession allocates a session, usually as a part of the upper layer's
	// own struct.
	NewSession() *Session
	// Opened is called when the handshake is answered. Packets may be sent from
	// then on.
	Opened(s *Session)
	// Message takes one message. data is borrowed until Message returns, and
	// may be changed in place.
	Message(s *Session, data []byte, binary bool)
	// Closed is called when the session is over; it is the last call for s. err
	// is the cause where the reason alone does not say it; otherwise nil.
	Closed(s *Session, reason Reason, err error)
}

// Server answers Engine.IO on the connections of a loop engine. It is safe for
// concurrent use.
type Server struct {
	cfg        Config
	upper      Upper
	timing     timing
	prefix     string              // of the targets that belong to the engine
	offered    []string            // the upgrades of a polling session
	middleware http.Handler        // nil without middleware
	compressor *deflate.Compressor // of polling responses
	messages   *deflate.Compressor // of WebSocket messages; nil when they are not compressed
	origins    *origins            // nil when all origins are allowed
	forwarder  *forwarder          // nil unless requests are forwarded to other nodes
	foreign    *foreignServer      // nil without Config.Fallback
	hooks      hooks
	callbacks  callbackQueue
	retention  retention
	logs       logs
	watch      *watch // nil if packets are not observed
	unknown    unknownSessions
	addresses  proxyfields.Source // of the fields of TrustedProxies
	proxies    proxyCounters
	limiter    *addressLimiter // nil without limits
	perLoops   [maxLoops]atomic.Pointer[perLoop]
	named      sync.Map // sid to *Session, when GenerateID makes the sids; its hashes are seeded, so the time of a search says nothing of other sids
	clients    atomic.Int64
	violations atomic.Uint64
	root       *Server                   // the server on which this one is mounted; nil for none
	sites      atomic.Pointer[[]*Server] // this server and those mounted on it, the longest prefix first; nil without any
	fronts     sync.Map                  // *http.Server to the context.Context that ends with its Shutdown
	closing    atomic.Bool
	drain      atomic.Pointer[drain] // nil while new sessions are welcome
}

// NewServer checks cfg and returns a server that hands its sessions to upper.
func NewServer(cfg Config, upper Upper) (*Server, error) {
	hasFallback := cfg.Fallback != nil
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	srv := &Server{
		cfg:        cfg,
		upper:      upper,
		timing:     timing{cfg.PingInterval, cfg.PingTimeout, cfg.UpgradeTimeout},
		prefix:     cfg.prefix(),
		offered:    cfg.upgrades(),
		middleware: chain(cfg.Middleware),
		addresses:  cfg.addressSource(),
	}
	srv.hooks.log = cfg.Logger
	srv.logs = newLogs(cfg.Logger)
	srv.watch = newWatch(&srv.cfg, &srv.hooks, &srv.logs.socket)
	srv.callbacks.limit = cfg.MaxCallbacks
	srv.retention.limit = cfg.MaxHandshakeBytes
	var err error
	if srv.limiter, err = newAddressLimiter(cfg.AddressLimits); err != nil {
		return nil, err
	}
	if srv.origins, err = newOrigins(cfg.Origins); err != nil {
		return nil, err
	}
	if srv.compressor, err = deflate.New(deflate.Config{}); err != nil {
		return nil, err
	}
	if d := cfg.PerMessageDeflate; d != nil {
		if srv.messages, err = deflate.New(deflate.Config{Level: d.Level}); err != nil {
			return nil, fmt.Errorf("eio: Config.PerMessageDeflate.Level is %d: %w", d.Level, err)
		}
	}
	if hasFallback {
		srv.foreign = newForeignServer(srv)
	}
	if cfg.Forwarding != nil {
		srv.forwarder = newForwarder(&srv.cfg, &srv.hooks)
	}
	return srv, nil
}

// Accept serves a new connection. It is the accept function for [loop.Listen],
// of at most 256 loops.
func (srv *Server) Accept(c *loop.Conn) loop.Handler { return srv.acceptFrom(c, c.Secure()) }

// AcceptListened returns the accept function for nc, which a listener has
// accepted: Accept, or one for a connection that is encrypted, which is what has
// the method ConnectionState of *tls.Conn. It is for [loop.Engine.Serve].
func (srv *Server) AcceptListened(nc net.Conn) func(*loop.Conn) loop.Handler {
	_, secure := nc.(interface{ ConnectionState() tls.ConnectionState })
	return func(c *loop.Conn) loop.Handler { return srv.acceptFrom(c, secure || c.Secure()) }
}

// acceptFrom accepts a connection that this process has accepted, which a proxy
// may have made. secure reports whether it was encrypted up to this process.
func (srv *Server) acceptFrom(c *loop.Conn, secure bool) loop.Handler {
	if p := srv.cfg.ProxyProtocol; p != nil && contains(p.From, c.RemoteAddr().Addr()) {
		return srv.acceptProxy(c, secure)
	}
	return srv.accept(c, secure)
}

// accept serves a connection without a header of the PROXY protocol.
func (srv *Server) accept(c *loop.Conn, secure bool) *httpConn {
	h := &httpConn{home: srv.perLoop(c.Loop()), c: c, secure: secure}
	h.timer.Init((*httpTimer)(h))
	c.Loop().Arm(&h.timer, srv.cfg.RequestTimeout)
	return h
}

// perLoop returns the part of srv that lives on l. It is called on l.
func (srv *Server) perLoop(l *loop.Loop) *perLoop {
	p := &srv.perLoops[l.Index()]
	pl := p.Load()
	if pl == nil {
		pl = &perLoop{
			srv:           srv,
			loop:          l,
			ids:           newIDSource(srv.node()),
			limits:        wsframe.Limits{Message: srv.cfg.MaxHTTPBufferSize, Frames: srv.cfg.maxFrames()},
			deflateLimits: wsframe.Limits{Message: srv.cfg.MaxHTTPBufferSize, Frames: srv.cfg.maxFrames(), RSV1: true},
		}
		pl.yielding.timer.Init(&pl.yielding)
		pl.receiving.init(l, &srv.cfg, int(srv.cfg.MaxReceiving/int64(srv.cfg.Loops)))
		p.Store(pl)
		l.OnFull(pl.shedBacklogs)
	}
	return pl
}

// Violations returns how many requests and connections ended because the peer
// broke the rules of HTTP, WebSocket or Engine.IO: malformed, too large or late
// requests (400, 408, 413, 431), wrong WebSocket handshakes, frames that are
// not allowed, and packets that can't be decoded. Safe for concurrent use.
func (srv *Server) Violations() uint64 { return srv.violations.Load() }

// ClientsCount returns the number of open sessions.
func (srv *Server) ClientsCount() int { return int(srv.clients.Load()) }

// Close refuses new sessions and ends all others with [ForcedClose]. It drops
// what is queued: a parked GET gets a close packet, a WebSocket a close frame.
// WebSockets that are forwarded to other nodes are cut. Close returns before
// that has happened; each loop does it as its next task.
func (srv *Server) Close() {
	srv.closing.Store(true)
	for i := range srv.perLoops {
		if pl := srv.perLoops[i].Load(); pl != nil {
			pl.loop.PostFunc(pl.closeAll)
		}
	}
	if srv.forwarder != nil {
		srv.forwarder.client.Close()
	}
}

func (pl *perLoop) closeAll() {
	finished := false
	defer func() {
		if !finished { // Upper.Closed has panicked, for example: continue with the others
			pl.loop.PostFunc(pl.closeAll)
		}
	}()
	for _, s := range pl.slots {
		if s == nil {
			continue
		}
		w := s.ws
		if s.Close(true); w != nil && w.c.Blocked() {
			w.c.Close() // the close frame would wait behind what is dropped
		}
	}
	finished = true
}
