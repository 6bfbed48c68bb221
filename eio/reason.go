package eio

import "errors"

// Reason says why a session ended. The strings are the protocol's own, and
// applications get them unchanged.
type Reason string

// The reasons an Engine.IO session can end with.
const (
	// TransportClose: the peer closed the session or its connection.
	TransportClose Reason = "transport close"
	// TransportError: the connection broke or the peer violated HTTP, WebSocket
	// or Engine.IO rules.
	TransportError Reason = "transport error"
	// PingTimeout: the peer did not answer a ping within PingTimeout.
	PingTimeout Reason = "ping timeout"
	// ParseError: the peer sent a packet or payload that can't be decoded.
	ParseError Reason = "parse error"
	// ForcedClose: this side closed the session.
	ForcedClose Reason = "forced close"
)

// Errors that accompany a [Reason] in [Upper.Closed].
var (
	ErrPollOverlap        = errors.New("eio: overlap from client: a second GET while one is parked")
	ErrPostOverlap        = errors.New("eio: overlap from client: a second POST while one is being received")
	ErrPollAborted        = errors.New("eio: poll connection closed prematurely")
	ErrPostAborted        = errors.New("eio: data request connection closed prematurely")
	ErrInvalidContent     = errors.New("eio: invalid content: binary body in protocol 4")
	ErrHeartbeatDirection = errors.New("eio: invalid heartbeat direction")
	ErrQueueOverflow      = errors.New("eio: more unsent data than a session may hold")
)
