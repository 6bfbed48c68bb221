package sio

import (
	"context"
	"maps"
	"net/http"
	"slices"
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
	share   pendingShare
	stats   stats

	namespaces atomic.Pointer[map[string]*Namespace] // replaced under mu
	parents    atomic.Pointer[[]*Namespace]          // replaced under mu
	closing    atomic.Bool

	graves  sync.Mutex     // taken after mu
	dead    []*Namespace   // not buried yet; guarded by graves
	burials sync.WaitGroup // adapters of namespaces that have died, being closed

	mu          sync.Mutex // guards the writes of namespaces and what follows
	onNamespace []func(ns *Namespace)
	engine      *loop.Engine
	done        chan struct{} // closed when the server has ended
}

// part is what one loop owns of a server.
type part struct {
	loop    atomic.Pointer[loop.Loop] // set with the first session
	ids     idSource
	scratch *Event // for inline handlers; nil while in use
	event   Event  // what scratch points to
	counts  counters
	held    map[*Socket]*held // what is held for sockets

	pending      atomic.Int32 // jobs that wait, all clients of the loop together
	pendingBytes atomic.Int64
	_            [64]byte // keeps neighbours off this cache line
}

// New checks cfg and returns a server that does not listen yet.
func New(cfg Config) (*Server, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	srv := &Server{
		cfg:   cfg,
		parts: make([]part, cfg.Loops),
		share: pendingShare{max(cfg.MaxPendingTotal/cfg.Loops, 1), cfg.MaxPendingTotalBytes / int64(cfg.Loops)},
		done:  make(chan struct{}),
	}
	for i := range srv.parts {
		srv.parts[i].ids = newIDSource()
		srv.parts[i].scratch = &srv.parts[i].event
	}
	engine := cfg.engine()
	if cfg.OnUpgrade != nil {
		engine.OnUpgrade = func(s *eio.Session) { srv.protect("upgrade", func() { cfg.OnUpgrade(connOf(s)) }) }
	}
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
	srv.workers.init(cfg.MaxHandlers)
	srv.namespaces.Store(&map[string]*Namespace{})
	srv.parents.Store(new([]*Namespace))
	srv.main = srv.Of("/")
	return srv, nil
}

// Of returns the namespace called name, created if need be, as a child of the
// first parent whose pattern matches (see [Server.OfPattern]); a missing slash at
// the beginning is added. Clients can connect to it from then on.
func (srv *Server) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	if ns := srv.known(name); ns != nil {
		return ns
	}
	return srv.create(name, srv.patternParent(name))
}

// Namespaces returns the namespaces that exist, parents left out, by name.
func (srv *Server) Namespaces() []*Namespace {
	all := slices.SortedFunc(maps.Values(*srv.namespaces.Load()), func(a, b *Namespace) int {
		return strings.Compare(a.name, b.name)
	})
	return slices.DeleteFunc(all, (*Namespace).dead)
}

// part returns what the loop owns. Loop-owned.
func (srv *Server) part(l *loop.Loop) *part { return &srv.parts[l.Index()] }

// loop returns the loop of a shard that has members, hence had a session.
func (srv *Server) loop(shard int) *loop.Loop { return srv.parts[shard].loop.Load() }

// Registrar is where event handlers are registered: a [Server], a [Namespace]
// (which cost nothing a connection), or a [Socket].
type Registrar interface {
	// On adds a handler; off removes it.
	On(event string, h HandlerFunc, opts ...HandlerOption) (off func())
}

// HandlerFunc handles one event. ctx is done when the socket is disconnected.
// A returned error is logged at debug level, counted, and given to
// [Config.OnError]; the client does not learn of it.
type HandlerFunc func(ctx context.Context, e *Event) error
