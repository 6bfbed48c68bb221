package sio

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

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
	byCustomID customIDs
	ackIDs     atomic.Uint64 // the next ack id, shared by all sockets

	listeners atomic.Int32 // for outgoing events, those of sockets included

	delivery delivery // set once, before clients can find the namespace
	peers    peers    // likewise

	dynamic *dynamicParent // nil unless it is a parent

	observed sync.Once // the rooms are: see OnRoom

	parent      *Namespace    // nil unless it is a child
	opened      chan struct{} // closed when the hooks of OnNamespace have returned
	neverOpened bool          // it was closed before; set before opened is closed
	endsEmpty   bool          // it ends with its last socket
	keptEmpty   bool          // but not while it has what was added later; guarded by mu
	users       atomic.Int64  // its sockets, if endsEmpty; negative once it has ended

	closing atomic.Bool // the adapter is being closed, or is

	mu    invariants.Mutex[Namespace] // held to replace what follows; reading needs no lock
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

// Emit sends an event to all sockets of the namespace: see
// [BroadcastOperator.Emit].
func (ns *Namespace) Emit(event string, args ...any) error {
	return BroadcastOperator{ns: ns}.Emit(event, args...)
}

// To addresses the sockets in at least one of rooms; without rooms, all
// sockets. The id of a socket is a room with only that socket.
func (ns *Namespace) To(rooms ...string) BroadcastOperator {
	return BroadcastOperator{ns: ns}.To(rooms...)
}

// In is To.
func (ns *Namespace) In(rooms ...string) BroadcastOperator { return ns.To(rooms...) }

// Except addresses the sockets that are in none of rooms.
func (ns *Namespace) Except(rooms ...string) BroadcastOperator {
	return BroadcastOperator{ns: ns}.Except(rooms...)
}

// Volatile addresses all sockets with packets that may be lost: see
// [BroadcastOperator.Volatile].
func (ns *Namespace) Volatile() BroadcastOperator { return BroadcastOperator{ns: ns}.Volatile() }

// Timeout limits how long answers are waited for: see
// [BroadcastOperator.Timeout].
func (ns *Namespace) Timeout(d time.Duration) BroadcastOperator {
	return BroadcastOperator{ns: ns}.Timeout(d)
}

// Compress addresses all sockets: see [BroadcastOperator.Compress].
func (ns *Namespace) Compress(on bool) BroadcastOperator {
	return BroadcastOperator{ns: ns}.Compress(on)
}

// Local addresses all sockets on this server.
func (ns *Namespace) Local() BroadcastOperator { return BroadcastOperator{ns: ns}.Local() }

// EmitAck broadcasts an event and waits for acknowledgements: see
// [BroadcastOperator.EmitAck].
func (ns *Namespace) EmitAck(ctx context.Context, event string, args ...any) ([]RawArgs, error) {
	return BroadcastOperator{ns: ns}.EmitAck(ctx, event, args...)
}

// FetchSockets returns all sockets: see [BroadcastOperator.FetchSockets].
func (ns *Namespace) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	return BroadcastOperator{ns: ns}.FetchSockets(ctx)
}

// CountSockets counts all sockets: see [BroadcastOperator.CountSockets].
func (ns *Namespace) CountSockets(ctx context.Context) (int, error) {
	return BroadcastOperator{ns: ns}.CountSockets(ctx)
}

// AllSockets returns the ids of all sockets: see
// [BroadcastOperator.AllSockets].
func (ns *Namespace) AllSockets(ctx context.Context) ([]string, error) {
	return BroadcastOperator{ns: ns}.AllSockets(ctx)
}

// SocketsJoin puts all sockets into rooms: see [BroadcastOperator.SocketsJoin].
func (ns *Namespace) SocketsJoin(rooms ...string) error {
	return BroadcastOperator{ns: ns}.SocketsJoin(rooms...)
}

// SocketsLeave takes all sockets out of rooms: see
// [BroadcastOperator.SocketsLeave].
func (ns *Namespace) SocketsLeave(rooms ...string) error {
	return BroadcastOperator{ns: ns}.SocketsLeave(rooms...)
}

// DisconnectSockets disconnects all sockets: see
// [BroadcastOperator.DisconnectSockets].
func (ns *Namespace) DisconnectSockets(closeConnections bool) error {
	return BroadcastOperator{ns: ns}.DisconnectSockets(closeConnections)
}

// Sockets returns the connected sockets of this server, in no order. Those of a
// parent are its children's.
func (ns *Namespace) Sockets() (sockets []*Socket) {
	_ = ns.each(func(ns *Namespace) error {
		sockets = append(sockets, ns.rooms.All()...)
		return nil
	})
	return sockets
}
