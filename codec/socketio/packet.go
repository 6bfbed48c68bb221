package socketio

import "errors"

// PacketType is the kind of a Socket.IO packet (protocol 5, "Packet types").
type PacketType byte

// The packet types, numbered as on the wire.
const (
	Connect PacketType = iota
	Disconnect
	Event
	Ack
	ConnectError
	BinaryEvent
	BinaryAck
)

// String returns the name of the type as the protocol has it.
func (t PacketType) String() string {
	if t > BinaryAck {
		return "unknown"
	}
	return [...]string{"CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"}[t]
}

// DefaultMaxAttachments is how many attachments of one packet the reference
// accepts.
const DefaultMaxAttachments = 10

// Errors of decoding. Each means that the peer broke the protocol.
var (
	// ErrUnknownType is returned for a packet that does not start with a digit
	// of 0 to 6.
	ErrUnknownType = errors.New("socketio: unknown packet type")
	// ErrIllegalAttachments is returned for an attachment count that is no
	// positive decimal number, and for a placeholder that names no attachment.
	ErrIllegalAttachments = errors.New("socketio: illegal attachments")
	// ErrTooManyAttachments is returned for an attachment count above the
	// limit.
	ErrTooManyAttachments = errors.New("socketio: too many attachments")
	// ErrInvalidPayload is returned for a payload that is not JSON, or none
	// that the type allows.
	ErrInvalidPayload = errors.New("socketio: invalid payload")
	// ErrPlaintextInReconstruction is returned for text while attachments are
	// awaited.
	ErrPlaintextInReconstruction = errors.New("socketio: got plaintext data when reconstructing a packet")
	// ErrUnexpectedBinary is returned for a binary message while no attachment
	// is awaited.
	ErrUnexpectedBinary = errors.New("socketio: got binary data when not reconstructing a packet")
	// ErrAttachmentsTooLarge is returned for a packet that exceeds the limit of
	// bytes with its attachments.
	ErrAttachmentsTooLarge = errors.New("socketio: attachments too large")
)

// Header is a packet whose payload is still raw JSON.
type Header struct {
	Type PacketType
	// Attachments is how many binary messages follow: 1 or more for
	// BinaryEvent and BinaryAck, else 0.
	Attachments int
	// Namespace is "/" when the packet names none, and never empty. Borrowed
	// from the packet and read-only; a map lookup with string(h.Namespace) does
	// not allocate.
	Namespace []byte
	// ID is the ack id when HasID is set. Ids beyond 64 bits become the largest
	// one, which no server assigns.
	ID    uint64
	HasID bool
	// Data is the payload without white space around it; nil when there is
	// none. Borrowed from the packet.
	Data []byte
}

// rootNamespace backs the Namespace of packets that name none.
var rootNamespace = []byte("/")

func (t PacketType) isBinary() bool { return t == BinaryEvent || t == BinaryAck }
