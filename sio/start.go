package sio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/internal/clientbundle"
	"github.com/sioserver/sioserver/sio/internal/workload"
)

// New checks cfg and returns a server that does not listen yet.
func New(cfg Config) (*Server, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	srv := &Server{
		cfg:    cfg,
		codec:  newCodec(cfg.Parser),
		byLoop: make([]perLoop, cfg.Loops),
		each:   workload.Limits{Jobs: cfg.MaxPending, Bytes: cfg.MaxPendingBytes},
		share:  workload.Limits{Jobs: cfg.MaxPendingTotal, Bytes: cfg.MaxPendingTotalBytes}.Of(cfg.Loops),
		done:   make(chan struct{}),

		heldTime: maxHeldTime,
	}
	if r := cfg.ConnectionStateRecovery; r != nil {
		srv.recoveryBudget.MaxBytes, srv.recoveryBudget.MaxSessions = r.MaxTotalBytes, r.MaxTotalSessions
	}
	srv.logs = newLogs(cfg.Logger)
	srv.tracesPackets = srv.logs.client.MayTrace()
	for i := range srv.byLoop {
		srv.byLoop[i].ids = newIDSource()
		srv.byLoop[i].scratch = &srv.byLoop[i].event
		srv.byLoop[i].late.init()
		srv.byLoop[i].throttled.timer.Init(&srv.byLoop[i].throttled)
	}
	srv.late, srv.endLate = context.WithCancelCause(context.Background())
	over, end := context.WithCancelCause(srv.late)
	end(ErrDisconnected)
	srv.over = over
	srv.hurry, srv.endHurry = context.WithCancel(context.Background())
	engine := cfg.engine()
	if cfg.OnUpgrade != nil {
		engine.OnUpgrade = func(s *eio.Session) {
			srv.protectOn(s.Loop(), "upgrade", func() { cfg.OnUpgrade(connOf(s)) })
		}
	}
	engine.OnPacket, engine.OnPacketCreate = ofPacket(cfg.OnPacket), ofPacket(cfg.OnPacketCreate)
	engine.OnDrain, engine.OnHeartbeat = ofConn(cfg.OnDrain), ofConn(cfg.OnHeartbeat)
	if !cfg.NoClient {
		bundle := clientbundle.New(cfg.Client)
		engine.Static = make(map[string]http.Handler)
		for _, name := range clientbundle.Names() {
			engine.Static[name] = bundle
		}
	}
	var err error
	if srv.events, err = newEventLimiter(cfg.EventLimits); err != nil {
		return nil, err
	}
	if srv.eio, err = eio.NewServer(engine, upper{srv}); err != nil {
		return nil, err
	}
	srv.workers.Init(cfg.MaxHandlers)
	srv.closings.Limit = maxClosings
	srv.parents.Store(new([]*Namespace))
	srv.onNamespace.Store(new([]func(*Namespace)))
	srv.Namespace = srv.create("/", nil, false)
	return srv, nil
}

// ListenAndServe listens on addr, as Listen does, and returns when the server
// has ended: with [ErrServerClosed], or at once with the reason why it can't
// listen.
func (srv *Server) ListenAndServe(addr string) error {
	if err := srv.Listen(addr); err != nil {
		return err
	}
	return srv.Wait()
}

// Listen listens on addr and returns when clients can connect; Wait waits for
// the end of the server. addr is "host:port", where no host stands for all
// addresses of IPv4 and IPv6 and port 0 for a free one, or "unix:/path" for a
// unix socket, or "unix:@name" for an abstract one. It may be called several
// times, for several addresses. For IPv6 alone, give Serve a listener of
// net.Listen("tcp6", …).
//
// The file of a unix socket has the permissions of Config.SocketMode. One that
// an earlier process has left behind is replaced, and it is removed when the
// server ends. About addresses of its clients see Serve.
//
// The error says why addr can't be listened on, and matches syscall.EADDRINUSE
// when the port is taken or another process listens at the path. The first
// address, if it is a port, is the cheapest to accept on: the loops do it
// themselves. Accepting on others takes a goroutine for each of Config.Loops.
// What connections cost once they are accepted is the same.
func (srv *Server) Listen(addr string) error {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	switch {
	case srv.leaving.Load():
		return ErrServerClosed
	case srv.host != nil:
		return ErrListening
	case srv.engine != nil:
		return srv.engine.Listen(addr, srv.eio.Accept)
	}
	engine, err := loop.Listen(srv.loopConfig(addr), srv.eio.Accept)
	if err != nil {
		return err
	}
	srv.runOn(engine)
	return nil
}

// runOn makes engine the server's, and that of the servers attached to it. mu
// is held.
func (srv *Server) runOn(engine *loop.Engine) {
	srv.engine = engine
	for _, other := range srv.attached {
		other.mu.Lock()
		other.engine = engine
		other.mu.Unlock()
	}
}

// Handler returns an http.Handler that serves this server among the other
// routes of a net/http server, of which it may be the only one, over HTTP,
// HTTPS and HTTP/2. Mount it where it gets the requests under Config.Path with
// their RequestURI unchanged; other requests go to Config.Handler. It uses the
// loops that run already, or starts some. It returns [ErrServerClosed] after
// Shutdown, and [ErrListening] for a server that is attached to another.
//
// A WebSocket over plain TCP costs what any other does, because its connection
// is handed over to a loop. Over TLS it is driven by goroutines, and so is each
// polling request: see eio.Server.Handler.
func (srv *Server) Handler() (http.Handler, error) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.leaving.Load() {
		return nil, ErrServerClosed
	}
	if srv.host != nil {
		return nil, ErrListening
	}
	if srv.engine == nil {
		engine, err := loop.Start(srv.loopConfig(""))
		if err != nil {
			return nil, err
		}
		srv.runOn(engine)
	}
	return srv.eio.Handler(srv.engine), nil
}

func (srv *Server) loopConfig(addr string) loop.Config {
	return loop.Config{
		Addr:             addr,
		SocketMode:       srv.cfg.SocketMode,
		Loops:            srv.cfg.Loops,
		MaxConnections:   srv.cfg.MaxConnections,
		MaxQueued:        srv.cfg.MaxQueued,
		MaxQueuedTotal:   srv.cfg.MaxQueuedTotal,
		HandshakeTimeout: cmp.Or(srv.cfg.TLSHandshakeTimeout, srv.cfg.RequestTimeout),
		MaxTLSHandshakes: srv.cfg.MaxTLSHandshakes,
		MaxTLSBuffered:   srv.cfg.MaxTLSBuffered,
		TLS:              srv.cfg.TLS,
		Logger:           srv.cfg.Logger,
	}
}

// Addr is the first address that the server listens on, also after it has ended;
// nil before that.
func (srv *Server) Addr() net.Addr {
	if all := srv.Addrs(); len(all) > 0 {
		return all[0]
	}
	return nil
}

// Addrs are the addresses that the server listens on or has listened on, those
// of listeners given to Serve included, in the order in which they came.
func (srv *Server) Addrs() []net.Addr {
	srv.mu.Lock()
	engine := srv.engine
	srv.mu.Unlock()
	if engine == nil {
		return nil
	}
	return engine.Addrs()
}

// Attach has other serve the requests under its Config.Path on the port of srv,
// and in srv's Handler, whether srv listens already or not: several servers,
// each with its own namespaces, options and middlewares, share one port so.
// other must be new, and have its own Path and the same Loops. Requests outside
// all paths go to the Handler of srv's Config, whose MaxConnections, and
// MaxQueued of WebSockets, hold for all connections. other's Listen, Serve and
// Handler return [ErrListening] afterwards, its Addr is srv's. Shutdown of other ends
// other alone: handshakes under its Path are refused until another server with
// that Path is attached. Shutdown of srv ends both, and its error counts what
// is left of both.
func (srv *Server) Attach(other *Server) error {
	if other == nil {
		return errors.New("sio: Attach: the server is nil")
	}
	if other == srv {
		return fmt.Errorf("sio: Attach: a server can't be attached to itself")
	}
	attaching.Lock()
	defer attaching.Unlock()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.host != nil {
		return fmt.Errorf("sio: Attach: the server of %s is attached itself", srv.cfg.Path)
	}
	other.mu.Lock()
	defer other.mu.Unlock()
	switch {
	case srv.leaving.Load() || other.leaving.Load():
		return ErrServerClosed
	case other.engine != nil || other.host != nil:
		return ErrListening
	case other.cfg.Loops != srv.cfg.Loops:
		return fmt.Errorf("sio: Attach: Config.Loops is %d; it must be %d as that of the other server", other.cfg.Loops, srv.cfg.Loops)
	}
	if err := srv.eio.Mount(other.eio); err != nil {
		return err
	}
	other.host, other.engine = srv, srv.engine
	srv.attached = append(srv.attached, other)
	return nil
}

// detach forgets a server that was attached and has ended.
func (srv *Server) detach(other *Server) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.attached = without(srv.attached, other)
}

// attaching comes before the mu of two servers: a server and one attached to
// it.
var attaching sync.Mutex

// upper is the server as the engine sees it.
type upper struct{ srv *Server }

func (u upper) NewSession() *eio.Session {
	c := &client{srv: u.srv}
	c.App = c
	return &c.Session
}

func (u upper) Opened(s *eio.Session) {
	c := s.App.(*client)
	if p := c.perLoop(); p.loop.Load() == nil {
		p.loop.Store(c.Loop())
	}
	if open := c.srv.cfg.OnOpen; open != nil {
		c.srv.protectOn(c.Loop(), "open", func() { open((*Conn)(c)) })
	}
	c.startConnectTimer()
	c.protocol().opened(c)
}

func (u upper) Message(s *eio.Session, data []byte, binary bool) {
	u.srv.codec.receive(s.App.(*client), data, binary)
}

func (u upper) Closed(s *eio.Session, cause eio.Reason, err error) {
	c := s.App.(*client)
	c.stopConnectTimer()
	c.stopPacing()
	reason := c.reasonOf(cause, err)
	c.perLoop().counts.closes.count(reason)
	if err == nil {
		err = c.perLoop().cause
	}
	c.closeAll(reason, err)
	c.leave()
	if reason == SlowConsumer {
		c.perLoop().counts.slowClosed.Add(1)
		c.srv.reportSlow(SlowEvent{Conn: (*Conn)(c), Did: SlowDisconnect})
	}
	if over := c.srv.cfg.OnClose; over != nil {
		c.srv.protectOn(c.Loop(), "close", func() { over((*Conn)(c), reason) })
	}
}
