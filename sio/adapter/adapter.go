package adapter

import (
	"context"
	"encoding/json"
)

// Adapter connects one namespace with those of the same name on other servers.
// The namespace calls it for everything that is not
// meant for this server alone. All methods are safe for concurrent use; nothing
// that they are given is kept after they return, or changed.
//
// A namespace without other servers has no Adapter: nothing stands between it
// and its [Rooms].
type Adapter interface {
	// Broadcast sends p to the other servers and then has it delivered here, by
	// [Local]'s Broadcast, also when sending has failed.
	Broadcast(p Packet, o Options) error
	// BroadcastAck is Broadcast for a packet that every client is to answer. It
	// announces with acks.Servers the other servers that will answer, sees to it that
	// each of them calls the other methods as [Local]'s BroadcastAck does, and calls
	// that. When ctx is done nobody waits for answers any more.
	BroadcastAck(ctx context.Context, p Packet, o Options, acks Acks) error
	// FetchSockets describes the sockets of the other servers. With an error, which
	// should be an [Incomplete], it returns those that it knows of; so do the requests
	// below.
	FetchSockets(ctx context.Context, o Options) ([]Details, error)
	// CountSockets counts the sockets of the other servers. With an error it returns
	// the number of those that it knows of.
	CountSockets(ctx context.Context, o Options) (int, error)
	// AddSockets, DelSockets and DisconnectSockets act on the sockets of all
	// servers, this one included, though perhaps only after they have returned.
	AddSockets(o Options, rooms []string) error
	DelSockets(o Options, rooms []string) error
	DisconnectSockets(o Options, closeConnections bool) error
	// ServerSideEmit sends p to the namespace on the other servers.
	ServerSideEmit(p Packet) error
	// ServerSideEmitAck also waits for their answers. With an error it returns those
	// that have come.
	ServerSideEmitAck(ctx context.Context, p Packet) ([]Answer, error)
	// ServerCount is the number of servers, this one included.
	ServerCount(ctx context.Context) (int, error)
	// Close leaves the other servers; it is called once, and may block. Other methods
	// that still run then, or are called later, return errors.
	Close() error
}

// Local is what a namespace offers its [Adapter]: the operations on this server
// alone, for requests that come from other ones. Safe for concurrent use.
type Local interface {
	// Namespace is the name of the namespace.
	Namespace() string
	// Broadcast sends p to the matching sockets.
	Broadcast(p Packet, o Options) error
	// BroadcastAck also asks for acknowledgements: it calls acks.Clients once with
	// the number of sockets asked and, until ctx is done, acks.Answer or acks.Gone
	// once for each of them. It returns at once; the calls come on any goroutine and
	// must not block.
	BroadcastAck(ctx context.Context, p Packet, o Options, acks Acks) error
	// Sockets describes the matching sockets.
	Sockets(o Options) []Details
	// Describe describes them page by page: each call of next gives some that have not
	// left meanwhile, or none at the end. One goroutine may call next at a time.
	Describe(o Options) (next func() []Details)
	// CountSockets counts them: cheaply when o names one room or none.
	CountSockets(o Options) int
	// AddSockets, DelSockets and DisconnectSockets act on the matching sockets.
	AddSockets(o Options, rooms []string)
	DelSockets(o Options, rooms []string)
	DisconnectSockets(o Options, closeConnections bool)
	// ServerSideEvent calls the namespace's handlers for what another server has
	// emitted. reply, unless nil, is called at most once.
	ServerSideEvent(p Packet, reply func(a Answer))
	// OnRoom adds a hook for changes of rooms: see [Rooms.Observe]. It may be called on
	// a loop: it must return, and not block. The room named by a socket's own id is a
	// room like any other for it.
	OnRoom(h func(e RoomEvent))
	// HasRoom reports whether a socket of this server is in the room.
	HasRoom(room string) bool
}

// Waiter is a [Local] whose callers may be loops. An adapter that has a caller wait, as
// it may when too much waits for the other servers, asks before.
type Waiter interface {
	// MayWait reports whether the calling goroutine may wait: it is not a loop's.
	MayWait() bool
}

// Packet is an event, not encoded for any wire: values as the emitter gave
// them, or as an adapter's codec has decoded them. []byte values, at any depth,
// are binary; the rest is what JSON can express. An argument that was received and is
// passed on is a socketio.RawArg, which marshals itself as JSON.
type Packet struct {
	Event string
	Args  []any
	// Offset names the packet among those that a [Recoverer] keeps; "" when it is not kept.
	Offset string
	// Prepared is what the namespace that emits the packet has made of it for its own
	// sockets, which are sent that when the adapter hands the packet to [Local]. It is
	// for nobody else; nil in what comes from other servers.
	Prepared any
}

// Options say whom an operation is for: the union of Rooms, or everybody when
// there are none, minus the members of Except. A socket's id is a room.
type Options struct {
	Rooms, Except []string
	Volatile      bool // recipients that can't be written to at once are skipped
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

// Answer is the first argument of an acknowledgement as JSON, nil when there was
// none; binary values in it are placeholders for Attachments. Immutable.
type Answer struct {
	Data        []byte
	Attachments [][]byte
}

// Incomplete is an error of an [Adapter]'s requests that tells how many of the other
// servers have answered, of how many that were asked.
type Incomplete interface {
	error
	Responses() (received, expected int)
}

// Acks collects what becomes of a broadcast that is to be answered. Safe for
// concurrent use; no method blocks.
type Acks interface {
	// Servers announces n servers that will each call Clients once.
	Servers(n int)
	// Clients tells how many clients one server has asked.
	Clients(n int)
	// Answer is one client's acknowledgement.
	Answer(a Answer)
	// Gone is n clients that will not answer: those who have left when why is nil,
	// else those of servers that could not be asked or did not answer.
	Gone(n int, why error)
}
