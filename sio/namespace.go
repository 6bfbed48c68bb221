package sio

import (
	"encoding/json"
	"iter"
	"math"
	"regexp"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/loop/invariants"
	"github.com/sioserver/sioserver/sio/adapter"
)

// Namespace is a channel on the clients' connections with its own sockets,
// rooms and handlers. It is safe for concurrent use; handlers are best
// registered before the server listens.
type Namespace struct {
	srv        *Server
	name       string
	rooms      *adapter.Rooms[*Socket]
	byCustomID customIDs[*Socket]
	ackIDs     atomic.Uint64 // the next ack id, shared by all sockets

	listeners atomic.Int32 // for outgoing events, those of sockets included

	delivery delivery // set once, before clients can find the namespace
	peers    peers    // likewise

	dynamic *dynamicParent // nil unless it is a parent

	observed sync.Once // the rooms are: see OnRoom

	parent      *Namespace    // nil unless it is a child
	opened      chan struct{} // closed when OnNamespace's hooks have returned
	neverOpened bool          // closed before; set before opened is
	endsEmpty   bool          // it ends with its last socket
	keptEmpty   bool          // unless something was added; guarded by mu
	users       atomic.Int64  // sockets, if endsEmpty; negative at its end

	closing atomic.Bool // the adapter is being closed, or is

	mu    invariants.Mutex[Namespace] // held to replace what follows
	table atomic.Pointer[handlerTable]
	hooks atomic.Pointer[hooks]
}

// hooks are a namespace's handlers for the life of a socket. Immutable.
type hooks struct {
	middlewares   []func(s *Socket) error
	connection    []func(s *Socket)
	disconnecting []func(s *Socket, reason Reason)
	disconnect    []func(s *Socket, reason Reason)
	errors        []func(s *Socket, err error)
	outgoing      []*outgoingFunc
	room          []func(e adapter.RoomEvent)
	server        []*serverHandler
}

// dynamicParent makes a namespace a parent: it decides which names its children
// may have. A child is made when the first client asks for its name.
type dynamicParent struct {
	pattern  *regexp.Regexp // nil with OfFunc
	match    func(name string, auth json.RawMessage) bool
	children children
}

// A namespace begins with these; what changes them replaces them.
var (
	noHandlers handlerTable
	noHooks    hooks
)

func newNamespace(srv *Server, name string) *Namespace {
	ns := &Namespace{
		srv:    srv,
		name:   name,
		rooms:  adapter.New[*Socket](srv.cfg.Loops),
		opened: make(chan struct{}),
	}
	ns.delivery, ns.peers = direct{ns}, alone{ns}
	ns.table.Store(&noHandlers)
	ns.hooks.Store(&noHooks)
	return ns
}

// Name is the namespace's name, which begins with a slash. The name of a parent
// can't be used by clients.
func (ns *Namespace) Name() string { return ns.name }

// Server is the server that the namespace belongs to.
func (ns *Namespace) Server() *Server { return ns.srv }

func (ns *Namespace) updateHooks(change func(h *hooks)) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.keepEmptyLocked()
	next := *ns.hooks.Load()
	change(&next)
	ns.hooks.Store(&next)
}

// Use adds a middleware. The middlewares of a namespace run one after the other
// for each socket that wants to connect, on the socket's queue, so they may
// block. The first error refuses the socket: its text, or the [ConnectError]
// that it wraps, is sent to the client. In a middleware the socket can join
// rooms and be emitted to, but broadcasts don't reach it yet.
func (ns *Namespace) Use(middleware func(s *Socket) error) {
	wantHandler("Use", middleware != nil)
	ns.updateHooks(func(h *hooks) { h.middlewares = with(h.middlewares, middleware) })
}

// OnConnection adds a handler for sockets that have connected. It runs on the
// socket's queue, before the handlers of the socket's events.
//
// While the connection handlers of a socket run, broadcasts to it are held, and
// sent in order when all have returned. What is emitted to the socket itself
// ([Socket.Emit]), acknowledgements, and broadcasts that ask for some are sent
// at once, whichever goroutine sends them. So a handler can join a room and
// emit a state, and the updates that are broadcast to the room follow it; what
// the handler itself broadcasts to its socket follows too. Volatile broadcasts
// are dropped meanwhile.
//
// Holding ends early, and what is held is sent, 2 seconds after the connection,
// when 256 packets or 1 MiB (or [Config.MaxQueued], if that is less) are held
// for the socket, or when [Config.MaxQueuedTotal] is reached. With
// [Config.ConnectionStateRecovery] nothing is held.
func (ns *Namespace) OnConnection(h func(s *Socket)) {
	wantHandler("OnConnection", h != nil)
	ns.updateHooks(func(k *hooks) { k.connection = with(k.connection, h) })
}

// OnDisconnecting adds a handler for sockets that were disconnected. It runs on
// the socket's queue, before those of OnDisconnect. [Socket.Rooms] still
// returns the rooms that the socket was in.
func (ns *Namespace) OnDisconnecting(h func(s *Socket, reason Reason)) {
	wantHandler("OnDisconnecting", h != nil)
	ns.updateHooks(func(k *hooks) { k.disconnecting = with(k.disconnecting, h) })
}

// OnDisconnect adds a handler for sockets that were disconnected. It runs on
// the socket's queue, after all its other handlers, also those of events that
// the client had sent before it left.
func (ns *Namespace) OnDisconnect(h func(s *Socket, reason Reason)) {
	wantHandler("OnDisconnect", h != nil)
	ns.updateHooks(func(k *hooks) { k.disconnect = with(k.disconnect, h) })
}

// registry is the namespaces that exist, by name. Looking one up takes no lock,
// and adding or removing one costs the same however many there are. Safe for
// concurrent use.
type registry struct {
	byName sync.Map // of *Namespace by string
}

// find returns the namespace called name, or nil. It may have ended.
func (r *registry) find(name string) *Namespace {
	if ns, ok := r.byName.Load(name); ok {
		return ns.(*Namespace)
	}
	return nil
}

// add adds ns unless a namespace of its name exists. Then it returns that.
func (r *registry) add(ns *Namespace) (have *Namespace) {
	for {
		v, loaded := r.byName.LoadOrStore(ns.name, ns)
		if !loaded {
			return nil
		}
		if have = v.(*Namespace); !have.dead() {
			return have
		}
		r.remove(have) // its end is about to do the same
	}
}

// remove removes ns, but not another one of its name.
func (r *registry) remove(ns *Namespace) { r.byName.CompareAndDelete(ns.name, ns) }

// all returns the namespaces that exist, in no order. One that is made or ends
// meanwhile may be missing.
func (r *registry) all() iter.Seq[*Namespace] {
	return func(yield func(*Namespace) bool) {
		r.byName.Range(func(_, v any) bool {
			ns := v.(*Namespace)
			return ns.dead() || yield(ns)
		})
	}
}

// children is the set of a parent's children. Safe for concurrent use.
type children struct{ set sync.Map } // of *Namespace, as keys

func (c *children) add(ns *Namespace) { c.set.Store(ns, nil) }

func (c *children) remove(ns *Namespace) { c.set.Delete(ns) }

// all returns the children, in no order. One that is made or ends meanwhile may
// be missing.
func (c *children) all() iter.Seq[*Namespace] {
	return func(yield func(*Namespace) bool) {
		c.set.Range(func(k, _ any) bool { return yield(k.(*Namespace)) })
	}
}

// each calls f with the namespaces that a broadcast to ns is for: with the
// children of a parent, else with ns. It returns the first error.
func (ns *Namespace) each(f func(ns *Namespace) error) (err error) {
	if ns.dynamic == nil {
		return f(ns)
	}
	for child := range ns.dynamic.children.all() {
		if e := f(child); err == nil {
			err = e
		}
	}
	return err
}

// ready reports whether the hooks of OnNamespace have returned.
func (ns *Namespace) ready() bool { return isClosed(ns.opened) }

// isClosed reports whether c, which is never sent to, is closed.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// gone is added to the count of a namespace that has ended. The count stays
// negative, however many sockets depart later.
const gone = math.MinInt64 / 2

// arrive counts a socket. It returns false if the namespace has ended; look it
// up again.
func (ns *Namespace) arrive() bool {
	if !ns.endsEmpty {
		return !ns.dead()
	}
	for {
		n := ns.users.Load()
		if n < 0 {
			return false
		}
		if ns.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// depart takes back an arrive.
func (ns *Namespace) depart() {
	if ns.endsEmpty && ns.users.Add(-1) == 0 && ns.users.CompareAndSwap(0, gone) {
		ns.unlist()
		ns.retire()
	}
}

// keepEmptyLocked keeps a namespace to which something is added that another
// one of its name would not have. mu must be held.
func (ns *Namespace) keepEmptyLocked() {
	if ns.endsEmpty && !ns.keptEmpty && ns.ready() {
		ns.keptEmpty = ns.arrive()
	}
}

func (ns *Namespace) dead() bool { return ns.users.Load() < 0 }

// end ends the namespace and takes it out of the server. It reports false when
// it had ended before. The caller retires it.
func (ns *Namespace) end() bool {
	for {
		n := ns.users.Load()
		if n < 0 {
			return false
		}
		if ns.users.CompareAndSwap(n, n+gone) {
			ns.unlist()
			return true
		}
	}
}

// discard ends a namespace that no client could enter.
func (ns *Namespace) discard() {
	if ns.end() {
		ns.retire()
	}
}

// unlist takes a namespace that has ended out of the server, so that another
// one of its name can be made.
func (ns *Namespace) unlist() {
	ns.srv.namespaces.remove(ns)
	if ns.parent != nil {
		ns.parent.dynamic.children.remove(ns)
	}
}

// retire releases what a namespace that is not listed has beside its sockets.
// It is called once. The adapter's error can be received when that is closed,
// which may take time.
func (ns *Namespace) retire() <-chan error {
	ns.delivery.stop()
	return ns.peers.retire()
}

// forgotten is called when nothing is left of a namespace.
func (ns *Namespace) forgotten() {
	if ns.parent != nil {
		ns.srv.dynamic.Add(-1)
	}
}

// find returns the socket with the id, connected or about to be, or nil.
func (ns *Namespace) find(id string) *Socket {
	if shard, slot, ok := placeOf(id); ok {
		if s, ok := ns.rooms.Find(shard, slot); ok && string(s.id[:]) == id && s.ID() == id {
			return s
		}
	}
	s, _ := ns.byCustomID.find(id)
	return s
}

// remove takes a socket out of the namespace and returns the rooms that it was
// in. The caller calls depart once it does not need the namespace's adapter any
// more.
func (ns *Namespace) remove(s *Socket) []string {
	if !ns.byCustomID.empty() {
		ns.byCustomID.remove(s.ID(), s)
	}
	return ns.rooms.Remove(&s.member)
}
