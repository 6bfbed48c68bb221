package sio

import (
	"errors"

	"github.com/sioserver/sioserver/eio"
)

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

// reasonOf is the socket's reason for the end of its connection.
func (srv *Server) reasonOf(r eio.Reason, err error) Reason {
	if errors.Is(err, eio.ErrQueueOverflow) {
		return SlowConsumer
	}
	if r == eio.ForcedClose && srv.closing.Load() {
		return ServerShuttingDown
	}
	return Reason(r)
}
