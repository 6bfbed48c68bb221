package wsframe

// Error is a violation of the protocol by the peer. Immutable; compare with the
// sentinels by errors.Is or ==.
type Error struct {
	// Code is the status for the close frame that answers it (RFC 6455 section
	// 7.4.1).
	Code uint16
	text string
}

// Error returns the reason, prefixed by the package's name.
func (e *Error) Error() string { return "wsframe: " + e.text }

// The errors of [Reader.Next].
var (
	// ErrProtocol reports an unmasked frame, a reserved bit or opcode, a
	// continuation without a message, a message inside a message, a control
	// frame that is long or fragmented, an impossible length, or an impossible
	// close status.
	ErrProtocol = &Error{1002, "protocol violation"}
	// ErrUTF8 reports a text message or a close reason that is not UTF-8.
	ErrUTF8 = &Error{1007, "invalid UTF-8"}
	// ErrFragments reports a message of more frames than Limits.Frames.
	ErrFragments = &Error{1008, "message in too many fragments"}
	// ErrTooBig reports a message of more bytes than Limits.Message.
	ErrTooBig = &Error{1009, "message too big"}
)
