package sio

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/loop/invariants"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/fifo"
	"github.com/sioserver/sioserver/sio/internal/recovery"
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
	gone   bool // nothing is sent to it any more; loop-owned
	holds  bool // broadcasts are held: see send.go; loop-owned
	begun  bool // the connection handlers are queued; guarded by mu
	owed   bool // the disconnect handlers are to follow; guarded by mu

	holdState atomic.Uint32 // see send.go

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
	kept          int           // bytes that the session counts
	table         *handlerTable // the socket's own handlers
	errors        []func(err error)
	outgoing      []*outgoingFunc
	disconnecting []func(reason Reason)
	disconnect    []func(reason Reason)
	rooms         []string // what disconnecting handlers see
	owed          job      // the disconnect handlers, if Socket.owed
	late          *late    // while events wait and the client has left
	limits        *socketLimits
	waited        bool // a late handler has let its context end
	acks          []pendingAck
	context       contextState
	membership    *recovery.Membership[*Socket, encodedPacket] // with recovery
}

// pendingAck is an acknowledgement that a socket waits for.
type pendingAck struct {
	id   uint64
	sink ackSink
}

// ackSink takes what becomes of an acknowledgement: one call of one method, on
// any goroutine.
type ackSink interface {
	reply(args RawArgs) // the sink's own
	gone()
}

// outgoingFunc is a registered listener for what is sent, known by its address.
type outgoingFunc struct {
	call func(s *Socket, event string, args RawArgs)
}

// job is something to run on a socket's queue.
type job interface {
	run(s *Socket)
	// size is how many bytes it holds, counted against Config.MaxPendingBytes.
	size() int
	// lapses reports whether it has nothing to do any more when its socket has
	// ended, in the state that is given, before it was run.
	lapses(state uint32) bool
	// drop lets go of what it holds, when it has lapsed.
	drop(s *Socket)
}

// queue is what waits for a socket's worker. A socket has one only while a
// worker runs for it or is about to.
type queue struct {
	jobs    fifo.Queue[job] // guarded by Socket.mu
	left    bool            // see outlast; guarded by Socket.mu
	running int             // bytes of the job that runs; the worker's own
}

var queues = sync.Pool{New: func() any { return new(queue) }}

// contextState is what a socket keeps for those that wait for its end. Guarded
// by Socket.mu.
type contextState struct {
	done  chan struct{}
	after []*afterFunc
}

type afterFunc struct{ call func() }

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

// enroll makes a socket a connected member of its namespace. It reports false
// when it has ended. add is a method of the namespace's rooms.
func (s *Socket) enroll(add func(*adapter.Rooms[*Socket], *adapter.Member[*Socket]) bool) bool {
	return s.state.Load() == stateConnecting && add(s.ns.rooms, &s.member) &&
		s.state.CompareAndSwap(stateConnecting, stateConnected)
}

// Transport is the connection's current transport, "polling" or "websocket".
func (s *Socket) Transport() string { return s.client.Transport() }

// ClientID is the id of the connection, which all of the client's sockets
// share.
func (s *Socket) ClientID() string { return s.client.Session.ID() }

// Join puts the socket into rooms, at once for all goroutines. It does nothing
// after the disconnection. With an adapter the error is [ErrName] if a name is
// not UTF-8, and then no room is joined. It is [ErrTooManyRooms] if the socket
// is in [Config].MaxRooms rooms; then those before the one that is too many
// were joined.
func (s *Socket) Join(rooms ...string) error {
	if err := s.ns.peers.checkNames(rooms); err != nil {
		return err
	}
	return s.join(rooms)
}

func (s *Socket) join(rooms []string) error {
	for _, room := range rooms {
		if room == s.ID() {
			continue
		}
		if err := s.ns.delivery.join(s, room); err != nil {
			return err
		}
	}
	return nil
}

// joinDeferred puts the socket into a room unless it is in too many, but room
// events wait for FlushEvents.
func (s *Socket) joinDeferred(room string) (joined bool, err error) {
	srv := s.ns.srv
	joined, full := s.ns.rooms.JoinWithin(&s.member, srv.cfg.MaxRooms, room)
	if full {
		srv.stats.roomsRefused.Add(1)
		err = ErrTooManyRooms
	}
	return joined, err
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

// Context is done when the socket is disconnected; its error is then
// [ErrDisconnected]. It costs nothing until its Done channel is asked for.
// Handlers that start later have another one: see [HandlerFunc]. Its values are
// those of the client's first HTTP request: see [Conn.Value].
func (s *Socket) Context() context.Context { return (*socketContext)(s) }

// socketContext is a Socket seen as its context, so that handing it to a
// handler allocates nothing.
type socketContext Socket

func (c *socketContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

func (c *socketContext) Value(key any) any { return (*Socket)(c).client.Value(key) }

func (c *socketContext) Err() error {
	if (*Socket)(c).state.Load() >= stateLeft {
		return ErrDisconnected
	}
	return nil
}

var closedChan = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (c *socketContext) Done() <-chan struct{} {
	s := (*Socket)(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Err() != nil {
		return closedChan
	}
	st := &s.extraLocked().context
	if st.done == nil {
		st.done = make(chan struct{})
	}
	return st.done
}

// AfterFunc lets the context package derive contexts without a goroutine.
func (c *socketContext) AfterFunc(f func()) (stop func() bool) {
	s := (*Socket)(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Err() != nil {
		go f()
		return func() bool { return false }
	}
	st := &s.extraLocked().context
	waiter := &afterFunc{f}
	st.after = append(st.after, waiter)
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		after := s.extra.context.after
		for i, w := range after {
			if w == waiter {
				last := len(after) - 1
				after[i], after[last] = after[last], nil
				s.extra.context.after = after[:last]
				return true
			}
		}
		return false
	}
}

// end wakes what waits. The socket is disconnected, and no lock is held.
func (st *contextState) end() {
	if st.done != nil {
		close(st.done)
	}
	for _, w := range st.after {
		go w.call()
	}
}

// socketID is a socket's id in its text form, 20 characters of base64url. Its
// 15 bytes are 11 random ones and the place of the socket in its namespace's
// rooms, so that the room named by an id is found without a map:
//
//	| 0 … 10 random | 11 shard | 12 … 14 slot (big endian) |
type socketID [20]byte

const (
	idRandom = 11
	maxLoops = 256 // what the shard's byte can tell apart
)

var idEncoding = base64.RawURLEncoding.Strict()

// placeOf takes the shard and the slot out of s when it has the form of an id.
func placeOf(s string) (shard int, slot uint32, ok bool) {
	if len(s) != len(socketID{}) {
		return 0, 0, false
	}
	var tail [6]byte // s[12:] holds the bytes 9 to 14
	if _, err := idEncoding.Decode(tail[:], []byte(s[12:])); err != nil {
		return 0, 0, false
	}
	return int(tail[2]), binary.BigEndian.Uint32(tail[2:]) & (1<<24 - 1), true
}

// idSource makes ids for one loop. It reads the system's random generator in
// blocks. Loop-owned.
type idSource struct{ random *bufio.Reader }

func newIDSource() idSource { return idSource{bufio.NewReaderSize(rand.Reader, 512)} }

func (src idSource) next(shard int, slot uint32) (id socketID) {
	var raw [15]byte
	binary.BigEndian.PutUint32(raw[idRandom:], slot)
	raw[idRandom] = byte(shard)
	for i := 0; i < idRandom; {
		n, _ := src.random.Read(raw[i:idRandom]) // crypto/rand never fails
		i += n
	}
	idEncoding.Encode(id[:], raw[:])
	return id
}

// customIDs are those of a namespace's sockets whose ids don't contain their
// places: those of protocol 4 have the ids of their connections, recovered ones
// those of the sockets before them. Without any, a look-up costs one load. Safe
// for concurrent use.
type customIDs[S comparable] struct {
	count   atomic.Int64
	mu      sync.Mutex
	sockets map[string]S
}

func (c *customIDs[S]) add(id string, s S) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sockets == nil {
		c.sockets = make(map[string]S)
	}
	c.sockets[id] = s
	c.count.Store(int64(len(c.sockets)))
}

func (c *customIDs[S]) empty() bool { return c.count.Load() == 0 }

// remove removes s, but not another one that has taken over its id.
func (c *customIDs[S]) remove(id string, s S) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sockets[id] == s {
		delete(c.sockets, id)
		c.count.Store(int64(len(c.sockets)))
	}
}

func (c *customIDs[S]) find(id string) (s S, ok bool) {
	if c.empty() {
		return s, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok = c.sockets[id]
	return s, ok
}
