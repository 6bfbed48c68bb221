package adapter

import (
	"context"
	"encoding/json"
)

// Adapter connects one namespace with those of the same name on other servers.
// The namespace calls it for every operation that is not for this server alone.
// All methods are safe for concurrent use. They neither change their arguments
// nor keep them after they return.
//
// A namespace without other servers has no Adapter and uses its [Rooms]
// directly.
type Adapter interface {
	// Broadcast sends p to the other servers, and then calls [Local]'s
	// Broadcast, even if p may be lost on its way to them. If p can't be
	// encoded or queued it returns an error instead, and no socket gets p.
	Broadcast(p Packet, o Options) error
	// BroadcastAck is Broadcast for a packet that every client answers. It
	// calls acks.Servers with the number of other servers that will answer,
	// calls the other methods of acks for each of them as [Local]'s
	// BroadcastAck does, and calls that. Once ctx is done, answers are dropped.
	BroadcastAck(ctx context.Context, p Packet, o Options, acks Acks) error
	// FetchSockets describes the sockets of the other servers. With an error,
	// which should be an [Incomplete], it returns what has arrived; so do the
	// other requests.
	FetchSockets(ctx context.Context, o Options) ([]Details, error)
	// CountSockets counts the sockets of the other servers.
	CountSockets(ctx context.Context, o Options) (int, error)
	// AddSockets, DelSockets and DisconnectSockets act on the sockets of all
	// servers, this one included. They may return before they have acted.
	AddSockets(o Options, rooms []string) error
	DelSockets(o Options, rooms []string) error
	DisconnectSockets(o Options, closeConnections bool) error
	// ServerSideEmit sends p to the namespace on the other servers.
	ServerSideEmit(p Packet) error
	// ServerSideEmitAck also waits for their answers.
	ServerSideEmitAck(ctx context.Context, p Packet) ([]Answer, error)
	// ServerCount is the number of servers, this one included.
	ServerCount(ctx context.Context) (int, error)
	// Close leaves the cluster. It is called once, and may block. Other methods
	// that are running, or are called later, return errors.
	Close() error
}

// Local is the part of a namespace that its [Adapter] calls: operations on the
// sockets of this server, for requests of other servers. Safe for concurrent
// use.
type Local interface {
	// Namespace is the name of the namespace.
	Namespace() string
	// Broadcast sends p to the matching sockets.
	Broadcast(p Packet, o Options) error
	// BroadcastAck also asks for acknowledgements. It calls acks.Clients once
	// with the number of sockets, and until ctx is done acks.Answer or
	// acks.Gone once for each of them, on any goroutine. The calls must not
	// block. BroadcastAck does not wait.
	BroadcastAck(ctx context.Context, p Packet, o Options, acks Acks) error
	// Sockets describes the matching sockets.
	Sockets(o Options) []Details
	// Describe describes them page by page. Each call of next returns some that
	// are still connected, or none at the end. One goroutine may call next at a
	// time.
	Describe(o Options) (next func() []Details)
	// CountSockets counts them. It is cheap if o names one room or none.
	CountSockets(o Options) int
	// AddSockets, DelSockets and DisconnectSockets act on the matching sockets.
	AddSockets(o Options, rooms []string)
	DelSockets(o Options, rooms []string)
	DisconnectSockets(o Options, closeConnections bool)
	// ServerSideEvent calls the namespace's handlers for an event that another
	// server has emitted. Unless reply is nil, it is called at most once.
	ServerSideEvent(p Packet, reply func(a Answer))
	// OnRoom adds a hook for changes of rooms: see [Rooms.Observe]. The hook
	// may run on an event loop and must not block. It is also called for the
	// rooms named by the sockets' ids.
	OnRoom(h func(e RoomEvent))
	// HasRoom reports whether a socket of this server is in the room.
	HasRoom(room string) bool
}

// Waiter is a [Local] whose adapter may be called on an event loop. An adapter
// whose queue to the other servers is full calls MayWait before it lets the
// caller wait.
type Waiter interface {
	// MayWait reports whether the calling goroutine may wait: it is not an
	// event loop.
	MayWait() bool
}

// Packet is an event that is not encoded yet: its arguments are the emitter's
// values, or those that an adapter has decoded. []byte values, at any depth,
// are binary. All other values are encoded as JSON.
type Packet struct {
	Event string
	Args  []any
	// Offset identifies a packet that a [Recoverer] keeps; "" if it is not
	// kept.
	Offset string
	// Prepared is the encoded packet, if this server's namespace has emitted
	// it. The adapter passes it to [Local] unchanged. It is nil in packets of
	// other servers.
	Prepared any
}

// Options select sockets: the union of Rooms, or all sockets if Rooms is empty,
// minus the members of the rooms in Except. A socket's id is a room.
type Options struct {
	Rooms, Except []string
	Volatile      bool // sockets that can't be written to at once are skipped
	NoCompress    bool
}

// Details describe a socket to other servers, in the JSON form of the
// reference's adapters.
type Details struct {
	ID        string          `json:"id"`
	Handshake json.RawMessage `json:"handshake"`
	Rooms     []string        `json:"rooms"`
	Data      json.RawMessage `json:"data"`
}

// Answer is the first argument of an acknowledgement as JSON, or nil if there
// was none. Binary values in it are placeholders for Attachments. Immutable.
type Answer struct {
	Data        []byte
	Attachments [][]byte
}

// Incomplete is an error of a request of an [Adapter]. Responses returns how
// many other servers have answered, and how many were asked.
type Incomplete interface {
	error
	Responses() (received, expected int)
}

// Acks collects the acknowledgements of a broadcast. Safe for concurrent use.
// No method blocks.
type Acks interface {
	// Servers announces n servers that will each call Clients once.
	Servers(n int)
	// Clients announces n clients that one server has asked.
	Clients(n int)
	// Answer is one client's acknowledgement.
	Answer(a Answer)
	// Gone reports n clients that will not answer. If why is nil they have
	// left, else their servers could not be asked or did not answer.
	Gone(n int, why error)
}
