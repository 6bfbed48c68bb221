package sio

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/clientbundle"
)

// Server is a Socket.IO server. Its methods that a [Namespace] has too act on
// the main namespace "/". It is safe for concurrent use.
type Server struct {
	cfg     Config
	eio     *eio.Server
	main    *Namespace
	workers workers
	parts   []part // one a loop
	stats   stats

	namespaces atomic.Pointer[map[string]*Namespace] // replaced under mu
	closing    atomic.Bool

	mu     sync.Mutex // guards the writes of namespaces and what follows
	engine *loop.Engine
	done   chan struct{} // closed when the server has ended
}

// part is what one loop owns of a server.
type part struct {
	loop    atomic.Pointer[loop.Loop] // set with the first session
	ids     idSource
	scratch *Event // for inline handlers; nil while in use
	counts  counters
	_       [64]byte // keeps neighbours off this cache line
}

// New checks cfg and returns a server that does not listen yet.
func New(cfg Config) (*Server, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	srv := &Server{
		cfg:   cfg,
		parts: make([]part, cfg.Loops),
		done:  make(chan struct{}),
	}
	for i := range srv.parts {
		srv.parts[i].ids = newIDSource()
		srv.parts[i].scratch = new(Event)
	}
	engine := cfg.engine()
	if !cfg.NoClient {
		bundle := clientbundle.New(cfg.Client)
		engine.Static = func(target string) http.Handler {
			if clientbundle.Match(target, cfg.Path) {
				return bundle
			}
			return nil
		}
	}
	var err error
	if srv.eio, err = eio.NewServer(engine, upper{srv}); err != nil {
		return nil, err
	}
	srv.workers.init()
	srv.namespaces.Store(&map[string]*Namespace{})
	srv.main = srv.Of("/")
	return srv, nil
}

// Of returns the namespace called name, created if need be; a missing slash at
// the beginning is added. Clients can connect to it from then on.
func (srv *Server) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	if ns := (*srv.namespaces.Load())[name]; ns != nil {
		return ns
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	known := *srv.namespaces.Load()
	if ns := known[name]; ns != nil {
		return ns
	}
	ns := newNamespace(srv, name)
	next := maps.Clone(known)
	next[name] = ns
	srv.namespaces.Store(&next)
	return ns
}

// part returns what the loop owns. Loop-owned.
func (srv *Server) part(l *loop.Loop) *part { return &srv.parts[l.Index()] }

// loop returns the loop of a shard that has members, hence had a session.
func (srv *Server) loop(shard int) *loop.Loop { return srv.parts[shard].loop.Load() }

// Use adds a middleware to the main namespace: see [Namespace.Use].
func (srv *Server) Use(middleware func(s *Socket) error) { srv.main.Use(middleware) }

// OnConnection adds a connection handler to the main namespace: see [Namespace.OnConnection].
func (srv *Server) OnConnection(h func(s *Socket)) { srv.main.OnConnection(h) }

// OnDisconnecting adds a handler to the main namespace: see [Namespace.OnDisconnecting].
func (srv *Server) OnDisconnecting(h func(s *Socket, reason Reason)) { srv.main.OnDisconnecting(h) }

// OnDisconnect adds a handler to the main namespace: see [Namespace.OnDisconnect].
func (srv *Server) OnDisconnect(h func(s *Socket, reason Reason)) { srv.main.OnDisconnect(h) }

// On adds a handler to the main namespace: see [Namespace.On].
func (srv *Server) On(event string, h HandlerFunc, opts ...HandlerOption) {
	srv.main.On(event, h, opts...)
}

// Emit sends an event to all sockets of the main namespace.
func (srv *Server) Emit(event string, args ...any) error { return srv.main.Emit(event, args...) }

// To addresses rooms of the main namespace: see [Namespace.To].
func (srv *Server) To(rooms ...string) BroadcastOperator { return srv.main.To(rooms...) }

// In is To.
func (srv *Server) In(rooms ...string) BroadcastOperator { return srv.main.To(rooms...) }

// Except addresses everybody in the main namespace but rooms: see [Namespace.Except].
func (srv *Server) Except(rooms ...string) BroadcastOperator { return srv.main.Except(rooms...) }

// Volatile addresses everybody in the main namespace: see [BroadcastOperator.Volatile].
func (srv *Server) Volatile() BroadcastOperator { return srv.main.Volatile() }

// Sockets returns the connected sockets of the main namespace, in no order.
func (srv *Server) Sockets() []*Socket { return srv.main.Sockets() }

// Registrar is where event handlers are registered: a [Server], a [Namespace]
// (which cost nothing a connection), or a [Socket].
type Registrar interface {
	On(event string, h HandlerFunc, opts ...HandlerOption)
}

// HandlerFunc handles one event. ctx is done when the socket is disconnected.
// A returned error is logged at debug level, counted, and given to
// [Config.OnError]; the client does not learn of it.
type HandlerFunc func(ctx context.Context, e *Event) error
