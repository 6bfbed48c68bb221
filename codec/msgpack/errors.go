package msgpack

import "errors"

// Errors of decoding. From ParsePacket each means that the peer broke the
// protocol.
var (
	// ErrMalformed is returned for bytes that are not exactly one MessagePack
	// value.
	ErrMalformed = errors.New("msgpack: malformed value")
	// ErrTooDeep is returned for values nested deeper than MaxDepth.
	ErrTooDeep = errors.New("msgpack: nested too deeply")
	// ErrUnknownType is returned for a packet that is no map or whose type is
	// no integer of 0 to 4.
	ErrUnknownType = errors.New("msgpack: invalid packet type")
	// ErrInvalidNamespace is returned for a packet without a namespace.
	ErrInvalidNamespace = errors.New("msgpack: invalid namespace")
	// ErrInvalidPayload is returned for data that the packet's type does not
	// allow, and for an event without a name that a peer may send.
	ErrInvalidPayload = errors.New("msgpack: invalid payload")
	// ErrInvalidID is returned for a packet id that is no integer from 0 on.
	ErrInvalidID = errors.New("msgpack: invalid packet id")
	// ErrUnexpectedText is for the caller to raise when a text message comes:
	// every packet is a binary one.
	ErrUnexpectedText = errors.New("msgpack: got text data")
	// ErrMismatch is returned for a value that its place in Go can't take.
	ErrMismatch = errors.New("msgpack: value does not fit")
	// ErrUnsupported is returned for a Go value that has no form in
	// MessagePack, for extension types and map keys that have none in Go, and
	// for dates outside the years 0 to 9999.
	ErrUnsupported = errors.New("msgpack: unsupported value")
)
