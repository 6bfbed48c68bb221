package sio

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/invariants"
	"github.com/sioserver/sioserver/sio/internal/clientbundle"
)

// Server is a Socket.IO server. It embeds its main namespace "/": On, Use, To,
// Emit and the other methods of [Namespace] act on that. It is safe for
// concurrent use.
type Server struct {
	*Namespace // "/"; must not be replaced

	cfg     Config
	eio     *eio.Server
	codec   codec
	workers workers
	byLoop  []perLoop
	each    limits // of what waits for one client
	share   limits // of what waits on one loop
	stats   stats

	encoding   sync.Map       // the sockets whose data is being encoded for other servers
	persisting sync.WaitGroup // sessions whose data is

	namespaces registry
	dynamic    atomic.Int64                 // children that exist or are being closed
	parents    atomic.Pointer[[]*Namespace] // replaced under mu
	closing    atomic.Bool
	ended      atomic.Bool // Shutdown closes the adapters, or has
	closer     closer

	onNamespace atomic.Pointer[[]func(ns *Namespace)] // replaced under mu

	roomHooks tally      // hooks of OnRoom that run
	evicting  sync.Mutex // see evict

	late, over context.Context // of handlers that start late, and once one has let it end
	endLate    context.CancelCauseFunc
	gaveUp     atomic.Bool  // Shutdown's context has ended
	givingUp   sync.Mutex   // held by giveUp
	unfinished atomic.Int64 // events dropped since
	heldTime   time.Duration

	mu       invariants.Mutex[Server] // guards the writes of parents and onNamespace, and what follows
	made     int                      // parents so far
	engine   *loop.Engine
	host     *Server       // which this one is attached to; nil for none
	attached []*Server     // to this one
	done     chan struct{} // closed when the server has ended
}

// perLoop is what one loop owns of a server.
type perLoop struct {
	loop    atomic.Pointer[loop.Loop] // set with the first session
	ids     idSource
	scratch *Event // for inline handlers; nil while in use
	event   Event  // what scratch points to
	counts  counters
	held    map[*Socket]*heldPackets // what is held for sockets
	late    lateList
	cause   error // of the close that is under way; nil for none

	unjoined unjoined
	backlog  backlog

	reported     int64       // bytes of backlog that the loop knows of; loop-owned
	reportedMuch atomic.Bool // that is reportMuch or more
	_            [64]byte    // keeps neighbours off this cache line
}

// New checks cfg and returns a server that does not listen yet.
func New(cfg Config) (*Server, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	srv := &Server{
		cfg:    cfg,
		codec:  newCodec(cfg.Parser),
		byLoop: make([]perLoop, cfg.Loops),
		each:   limits{cfg.MaxPending, cfg.MaxPendingBytes},
		share:  limits{cfg.MaxPendingTotal, cfg.MaxPendingTotalBytes}.of(cfg.Loops),
		done:   make(chan struct{}),

		heldTime: maxHeldTime,
	}
	for i := range srv.byLoop {
		srv.byLoop[i].ids = newIDSource()
		srv.byLoop[i].scratch = &srv.byLoop[i].event
		srv.byLoop[i].late.init()
	}
	srv.late, srv.endLate = context.WithCancelCause(context.Background())
	over, end := context.WithCancelCause(srv.late)
	end(ErrDisconnected)
	srv.over = over
	engine := cfg.engine()
	if cfg.OnUpgrade != nil {
		engine.OnUpgrade = func(s *eio.Session) {
			srv.protectOn(s.Loop(), "upgrade", func() { cfg.OnUpgrade(connOf(s)) })
		}
	}
	if !cfg.NoClient {
		bundle := clientbundle.New(cfg.Client)
		engine.Static = make(map[string]http.Handler)
		for _, name := range clientbundle.Names() {
			engine.Static[name] = bundle
		}
	}
	var err error
	if srv.eio, err = eio.NewServer(engine, upper{srv}); err != nil {
		return nil, err
	}
	srv.workers.init(cfg.MaxHandlers)
	srv.parents.Store(new([]*Namespace))
	srv.onNamespace.Store(new([]func(*Namespace)))
	srv.Namespace = srv.create("/", nil, false)
	return srv, nil
}

// Of returns the namespace called name, created if need be, as a child of the
// first parent whose pattern matches (see [Server.OfPattern]); a missing slash
// at the beginning is added. Clients can connect to it from then on. One that a
// client has made may end, if nothing is added to it: see
// [Config.KeepEmptyNamespaces].
func (srv *Server) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	if ns := srv.known(name); ns != nil {
		return ns
	}
	parent := srv.patternParent(name)
	if parent != nil {
		srv.dynamic.Add(1)
	}
	return srv.create(name, parent, false)
}

// Namespaces returns the namespaces that exist, parents left out, by name.
func (srv *Server) Namespaces() []*Namespace {
	return slices.SortedFunc(srv.namespaces.all(), func(a, b *Namespace) int {
		return strings.Compare(a.name, b.name)
	})
}

// perLoop returns what the loop owns. Loop-owned.
func (srv *Server) perLoop(l *loop.Loop) *perLoop { return &srv.byLoop[l.Index()] }

// loop returns the loop of a shard that has members, hence had a session.
func (srv *Server) loop(shard int) *loop.Loop { return srv.byLoop[shard].loop.Load() }

// Registrar is where event handlers are registered: a [Server], a [Namespace]
// (which cost nothing a connection), or a [Socket].
type Registrar interface {
	// On adds a handler; off removes it.
	On(event string, h HandlerFunc, opts ...HandlerOption) (off func())
}

// HandlerFunc handles one event. ctx is done when the socket is disconnected:
// it is that of [Socket.Context].
//
// A handler that starts after the client has left, for an event that was sent
// before, has a context of its own, so that it can store what was sent. That
// ends when the handler returns, at the latest [Config.LeaveTimeout] after it
// has started, and when the context of [Server.Shutdown] ends; its cause is
// then [ErrDisconnected]. While sockets wait for one of [Config].MaxHandlers it
// may end earlier, but not in the first eighth of that time. When a handler has
// let it end, those of the socket that start later get one that has ended.
//
// A returned error is logged at debug level, counted, and given to
// [Config.OnError]; the client does not learn of it.
type HandlerFunc func(ctx context.Context, e *Event) error
