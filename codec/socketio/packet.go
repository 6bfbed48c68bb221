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

// DefaultMaxAttachments is the reference's limit of attachments of one packet.
const DefaultMaxAttachments = 10

var (
	ErrUnknownType               = errors.New("socketio: unknown packet type")
	ErrIllegalAttachments        = errors.New("socketio: illegal attachments")
	ErrTooManyAttachments        = errors.New("socketio: too many attachments")
	ErrInvalidPayload            = errors.New("socketio: invalid payload")
	ErrPlaintextInReconstruction = errors.New("socketio: got plaintext data when reconstructing a packet")
	ErrUnexpectedBinary          = errors.New("socketio: got binary data when not reconstructing a packet")
	ErrAttachmentsTooLarge       = errors.New("socketio: attachments too large")
)

// Header is a parsed packet; its arguments are still raw JSON.
type Header struct {
	Type        PacketType
	Attachments int
	Namespace   []byte // "/" by default, never empty; borrowed, read-only
	ID          uint64
	HasID       bool
	Data        []byte // raw JSON, borrowed; nil when absent
}

// ParseHeader parses a packet.
func ParseHeader(b []byte, maxAttachments int) (Header, error) { return Header{}, ErrUnknownType }

// AppendHeader appends h with its data.
func AppendHeader(dst []byte, h Header) []byte { return dst }

// RawArgs are the raw arguments of an event or ack.
type RawArgs struct{ b []byte }

// Len counts the arguments.
func (a RawArgs) Len() int { return 0 }

// Next takes the first argument off a.
func (a *RawArgs) Next() ([]byte, bool) { return nil, false }

// Arg returns argument i.
func (a RawArgs) Arg(i int) ([]byte, bool) { return nil, false }

// SplitEvent splits the data of an event; name is nil when data is absent.
func SplitEvent(data []byte) (name []byte, args RawArgs, err error) { return nil, RawArgs{}, nil }

// SplitAck splits the data of an ack.
func SplitAck(data []byte) (RawArgs, error) { return RawArgs{}, nil }

// Reserved reports whether event is a name that no peer may send.
func Reserved(event string) bool { return false }

// AppendEvent appends an EVENT or BINARY_EVENT packet.
func AppendEvent(dst []byte, nsp string, id uint64, hasID bool, event string, args []any) (out []byte, attachments [][]byte, err error) {
	return dst, nil, nil
}

// AppendAck appends an ACK or BINARY_ACK packet.
func AppendAck(dst []byte, nsp string, id uint64, args []any) (out []byte, attachments [][]byte, err error) {
	return dst, nil, nil
}

// AppendConnect appends a CONNECT packet with the reply's sid, and pid unless empty.
func AppendConnect(dst []byte, nsp, sid, pid string) []byte { return dst }

// AppendConnectError appends a CONNECT_ERROR packet whose payload is the raw JSON payload.
func AppendConnectError(dst []byte, nsp, message string, data []byte) []byte { return dst }

// AppendDisconnect appends a DISCONNECT packet.
func AppendDisconnect(dst []byte, nsp string) []byte { return dst }

// DecodeArg decodes one argument into v.
func DecodeArg(raw []byte, attachments [][]byte, v any) error { return nil }

// Reconstructor collects the attachments of one packet.
type Reconstructor struct{}

// Start begins with the packet h.
func (r *Reconstructor) Start(h Header, maxBytes int) {}

// Active reports whether attachments are missing.
func (r *Reconstructor) Active() bool { return false }

// Add takes the next binary message; done when it was the last.
func (r *Reconstructor) Add(b []byte) (done bool, err error) { return false, nil }
