package wsframe

// Error is a violation by the peer. Immutable; compare with the sentinels by errors.Is or ==.
type Error struct {
	// Code is the status for the close frame to answer with (RFC 6455 section 7.4.1).
	Code uint16
	text string
}

// Error returns the reason, prefixed by the package's name.
func (e *Error) Error() string { return "wsframe: " + e.text }

// The errors of Reader.Next.
var (
	// ErrProtocol: an unmasked frame, reserved bits or opcode, a continuation of nothing, a message inside a message,
	// a long or fragmented control frame, an impossible length, or an impossible close status.
	ErrProtocol = &Error{1002, "protocol violation"}
	// ErrUTF8: a text message or a close reason that is not UTF-8.
	ErrUTF8 = &Error{1007, "invalid UTF-8"}
	// ErrFragments: a message of more frames than the limit.
	ErrFragments = &Error{1008, "message in too many fragments"}
	// ErrTooBig: a message beyond the limit.
	ErrTooBig = &Error{1009, "message too big"}
)
