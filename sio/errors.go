package sio

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/sioserver/sioserver/sio/adapter"
)

// Errors that callers can match with errors.Is.
var (
	// ErrReservedEvent: the event's name belongs to the protocol (connect,
	// connect_error, disconnect, disconnecting, newListener, removeListener)
	// or, for ServerSideEmit, to the namespace (connect, connection,
	// new_namespace), and can't be emitted.
	ErrReservedEvent = errors.New("sio: reserved event name")
	// ErrDisconnected: the socket has left its namespace or lost its
	// connection.
	ErrDisconnected = errors.New("sio: socket is disconnected")
	// ErrAcked: the event was acknowledged before, or its client did not ask
	// for it.
	ErrAcked = errors.New("sio: no acknowledgement is expected")
	// ErrServerClosed: Shutdown or Close was called.
	ErrServerClosed = errors.New("sio: server closed")
	// ErrListening: the server is attached to another one, which listens for it
	// ([Server.Attach]), or was started before it was to be attached.
	ErrListening = errors.New("sio: server is listening already")
	// ErrNotListening: the server does not listen.
	ErrNotListening = errors.New("sio: server is not listening")
	// ErrParentNamespace: the operation is for one namespace, and this is a
	// parent.
	ErrParentNamespace = errors.New("sio: not supported on parent namespaces")
	// ErrMainNamespace: "/" can't be closed.
	ErrMainNamespace = errors.New(`sio: the namespace "/" can't be closed`)
	// ErrTooManyRooms: the socket is in as many rooms as [Config].MaxRooms
	// allows.
	ErrTooManyRooms = errors.New("sio: too many rooms")
	// ErrName: the name of a room, an event or a namespace is not UTF-8, and
	// would have to be sent to other servers or clients. Without an adapter
	// names of rooms are any bytes.
	ErrName = adapter.ErrName
	// ErrOverloaded: with an adapter, too much waits to be sent to other
	// servers. An event has then reached no client, of this server neither, and
	// may be emitted again later.
	ErrOverloaded = adapter.ErrOverloaded
	// ErrTooLarge: the event is larger than the adapter carries. It has reached
	// no client.
	ErrTooLarge = adapter.ErrTooLarge
	// ErrDataSize: a socket's data is larger than what is left of
	// [Config.MaxHandshakeBytes].
	ErrDataSize = errors.New("sio: no room for a socket's data")
)

// ServersError reports that not all other servers have answered. What came with
// it lacks the part of those that have not.
type ServersError struct {
	// Answered and Asked are how many have, and how many were asked; both are 0
	// when that is not known.
	Answered, Asked int
	// Err is [ErrTimeout], whichever limit has passed, or the error of a
	// context that was cancelled, or why they could not be asked, as
	// redisadapter.ErrAway of an adapter: both when Redis does not answer in
	// time.
	Err error
}

func (e *ServersError) Error() string {
	if e.Asked == 0 {
		return fmt.Sprintf("sio: the other servers have not answered: %v", e.Err)
	}
	return fmt.Sprintf("sio: %d of %d other servers have answered: %v", e.Answered, e.Asked, e.Err)
}

// Unwrap returns Err.
func (e *ServersError) Unwrap() error { return e.Err }

// serversError is the error of an adapter's request; nil for nil.
func serversError(err error) error {
	if err == nil {
		return nil
	}
	e := &ServersError{Err: err}
	var counts adapter.Incomplete
	if errors.As(err, &counts) {
		e.Answered, e.Asked = counts.Responses()
		e.Err = cmp.Or(errors.Unwrap(counts), err)
	}
	e.Err = adapter.TimedOut(e.Err)
	return e
}

// missing is how many servers have not answered: one at least.
func missing(err error) int {
	var counts adapter.Incomplete
	if errors.As(err, &counts) {
		received, expected := counts.Responses()
		return max(expected-received, 1)
	}
	return 1
}

// ConnectError is what a middleware returns to refuse a connection and to tell
// the client more than a message: its connect_error event carries both.
type ConnectError struct {
	Message string
	// Data is sent as JSON; nil sends none. For a JSON null use
	// json.RawMessage("null").
	Data any
}

func (e *ConnectError) Error() string { return e.Message }

// ArgumentError reports an argument of an event or acknowledgement that does
// not fit the type it was to be decoded into.
type ArgumentError struct {
	Index int // from 0
	Err   error
}

func (e *ArgumentError) Error() string {
	return fmt.Sprintf("sio: argument %d: %v", e.Index, e.Err)
}

// Unwrap returns the decoder's error.
func (e *ArgumentError) Unwrap() error { return e.Err }

// PacketError reports a packet of a client that the protocol does not allow.
// The connection is closed because of it.
type PacketError struct{ Err error }

func (e *PacketError) Error() string { return "sio: invalid packet: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *PacketError) Unwrap() error { return e.Err }

// Reason says why a socket was disconnected. The strings are the protocol's
// own, but for [SlowConsumer].
type Reason string

// The reasons of a disconnection.
const (
	// ClientNamespaceDisconnect: the client left the namespace.
	ClientNamespaceDisconnect Reason = "client namespace disconnect"
	// ServerNamespaceDisconnect: [Socket.Disconnect] was called.
	ServerNamespaceDisconnect Reason = "server namespace disconnect"
	// ServerShuttingDown: the server was closed or shut down.
	ServerShuttingDown Reason = "server shutting down"
	// TransportClose: the client closed the connection, or it was lost.
	TransportClose Reason = "transport close"
	// TransportError: the connection failed or the client broke the transport's
	// rules.
	TransportError Reason = "transport error"
	// SlowConsumer: the client did not read what it was sent, and more waited
	// for it than [Config.MaxQueued] allows. The reference has no such bound,
	// nor this reason.
	SlowConsumer Reason = "slow consumer"
	// PingTimeout: the client did not answer a heartbeat in time.
	PingTimeout Reason = "ping timeout"
	// ParseError: the client sent an Engine.IO packet that can't be decoded.
	ParseError Reason = "parse error"
	// ForcedClose: the server closed the connection, for example because of a
	// Socket.IO packet that can't be decoded or is out of order.
	ForcedClose Reason = "forced close"
	// ForcedServerClose is ForcedClose of a polling client that could not be
	// sent the end of the connection at once. The reference's documents have it
	// for a client that joins no namespace in time; such a client has no
	// socket, and its connection ends with ForcedClose ([Config.OnClose]), here
	// and there.
	ForcedServerClose Reason = "forced server close"
)

// recoverable reports whether a client that was disconnected for the reason may
// come back.
func (r Reason) recoverable() bool {
	switch r {
	case ClientNamespaceDisconnect, ServerNamespaceDisconnect, ParseError:
		return false
	}
	return true
}
