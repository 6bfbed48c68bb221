package sio

import (
	"sync/atomic"

	"github.com/sioserver/sioserver/loop/invariants"
	"github.com/sioserver/sioserver/sio/adapter"
)

// Socket is one client's membership of one namespace. It is safe for
// concurrent use. A client that leaves a namespace and connects to it again
// gets a new Socket with a new id.
type Socket struct {
	client *client
	ns     *Namespace
	member adapter.Member[*Socket]
	id     socketID
	state  atomic.Uint32
	gone   bool // the client has forgotten the socket: nothing is sent any more; loop-owned
	holds  bool // broadcasts are held: see held.go; loop-owned
	begun  bool // the connection handlers are queued; guarded by mu
	owed   bool // the disconnect handlers are to be queued behind them; guarded by mu

	holdState atomic.Uint32 // the state and start of the connection handlers: see held.go

	mu    invariants.Mutex[Socket] // guards what follows
	queue *queue                   // nil while there is nothing to run
	extra *socketExtra             // nil while nothing of it is needed
}

// The states of a socket, in order. They only move forward.
const (
	stateUnused     uint32 = iota
	stateConnecting        // middlewares run
	stateConnected
	stateLeft         // the client has left: what it has sent is handled
	stateDisconnected // by the application, or refused
)

// socketExtra is what most sockets never need. Guarded by Socket.mu.
type socketExtra struct {
	data          any
	auth          []byte        // raw JSON; nil for none
	kept          int           // bytes of auth and data that the session counts
	table         *handlerTable // the socket's own handlers
	errors        []func(err error)
	outgoing      []*outgoingFunc
	disconnecting []func(reason Reason)
	disconnect    []func(reason Reason)
	rooms         []string       // what disconnecting handlers see
	owed          *disconnectJob // if Socket.owed
	late          *late          // while events wait and the client has left
	waited        bool           // a handler that has started late has let its context end
	acks          []pendingAck
	context       contextState
	membership    *membership // with recovery
}

// extraLocked returns s.extra, made if need be. s.mu must be held.
func (s *Socket) extraLocked() *socketExtra {
	if s.extra == nil {
		s.extra = new(socketExtra)
	}
	return s.extra
}

// ID is the socket's id: 20 characters that can't be guessed. With protocol 4
// it is the id of the connection in "/", and elsewhere the namespace's name,
// "#" and the id of the connection.
func (s *Socket) ID() string {
	if s.ns != s.ns.srv.Namespace && s.client.isProtocol4() {
		return s.ns.name + "#" + string(s.id[:])
	}
	return string(s.id[:])
}

// Namespace is the namespace that the socket is in.
func (s *Socket) Namespace() *Namespace { return s.ns }

// Connected reports whether the socket is in its namespace. It is false in a
// middleware, and from the disconnection on, also in disconnecting handlers.
func (s *Socket) Connected() bool { return s.state.Load() == stateConnected }

// handles reports whether handlers are called for the socket's events: it is
// connected, or its client has left.
func (s *Socket) handles() bool {
	st := s.state.Load()
	return st == stateConnected || st == stateLeft
}

// open reports whether the socket may emit: it is connected or about to be.
func (s *Socket) open() bool {
	st := s.state.Load()
	return st == stateConnecting || st == stateConnected
}

// Transport is the connection's current transport, "polling" or "websocket".
func (s *Socket) Transport() string { return s.client.Transport() }

// ClientID is the id of the connection, which all of the client's sockets
// share.
func (s *Socket) ClientID() string { return s.client.Session.ID() }

// Data returns what SetData stored; nil at first.
func (s *Socket) Data() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extra == nil {
		return nil
	}
	return s.extra.data
}

// SetData stores a value of the application with the socket. Strings and byte
// slices, v itself or fields of a struct, count against
// [Config.MaxHandshakeBytes] as long as the socket is connected, but not once
// it has ended. What v refers to in other ways does not count. The error is
// [ErrDataSize] if there is no room, and then the value stored before stays.
// There always is room for 4 KiB of all that a connection keeps there.
func (s *Socket) SetData(v any) error {
	if !s.setData(v, false) {
		return ErrDataSize
	}
	return nil
}

// setData stores v. It reports false when there is no room, unless must is set.
func (s *Socket) setData(v any, must bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.extraLocked()
	if s.open() { // else the last letGo may have been
		more := dataSize(v) - dataSize(c.data)
		if !s.client.Keep(more, must) {
			return false
		}
		c.kept += more
	}
	c.data = v
	return true
}

// letGo stops counting what the socket keeps: it has ended.
func (s *Socket) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.extra; c != nil {
		s.client.Keep(-c.kept, true)
		c.kept = 0
	}
}

// Join puts the socket into rooms, at once for all goroutines. It does nothing
// after the disconnection. With an adapter the error is [ErrName] if a name is
// not UTF-8, and then no room is joined; without an adapter it is always nil.
func (s *Socket) Join(rooms ...string) error {
	if err := s.ns.peers.checkNames(rooms); err != nil {
		return err
	}
	s.join(rooms)
	return nil
}

func (s *Socket) join(rooms []string) {
	for _, room := range rooms {
		if room != s.ID() {
			s.ns.delivery.join(s, room)
		}
	}
}

// Leave takes the socket out of a room, at once for all goroutines. Broadcasts
// that were emitted before still arrive. The room of the socket's own id can't
// be left. For errors see Join.
func (s *Socket) Leave(room string) error {
	if err := s.ns.peers.checkName(room); err != nil {
		return err
	}
	s.ns.delivery.leave(s, room)
	return nil
}

// Rooms returns the rooms that the socket is in, its own id first, then in no
// order. After the disconnection there are none, except in disconnecting
// handlers and in handlers of events that run before them: these still get the
// rooms that the socket was in.
func (s *Socket) Rooms() []string {
	if s.Connected() {
		return append([]string{s.ID()}, s.ns.rooms.RoomsOf(&s.member)...)
	}
	s.mu.Lock()
	if s.extra != nil && s.extra.rooms != nil {
		defer s.mu.Unlock()
		return append([]string(nil), s.extra.rooms...)
	}
	s.mu.Unlock()
	return s.ns.rooms.RoomsOf(&s.member)
}

// OnDisconnecting adds a handler of this socket alone, called before those of
// OnDisconnect: see [Namespace.OnDisconnecting]. Handlers added after the
// disconnection may not be called.
func (s *Socket) OnDisconnecting(h func(reason Reason)) {
	wantHandler("OnDisconnecting", h != nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.extraLocked()
	c.disconnecting = with(c.disconnecting, h)
}

// OnDisconnect adds a handler of this socket alone: see
// [Namespace.OnDisconnect]. Handlers added after the disconnection may not be
// called.
func (s *Socket) OnDisconnect(h func(reason Reason)) {
	wantHandler("OnDisconnect", h != nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.extraLocked()
	c.disconnect = with(c.disconnect, h)
}
