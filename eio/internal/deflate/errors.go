package deflate

import "errors"

var (
	// ErrOffers: a Sec-WebSocket-Extensions value that is not a list of extensions. RFC 6455 section 9.1 demands that
	// the handshake then fails.
	ErrOffers = errors.New("deflate: malformed list of extensions")
	// ErrTooBig: a message that inflates beyond the limit, to be answered with status 1009.
	ErrTooBig = errors.New("deflate: message too big")
	// ErrCorrupt: not a deflated message, or one that refers to an earlier message, to be answered with status 1007.
	ErrCorrupt = errors.New("deflate: corrupt message")
	// ErrLevel: a Config.Level out of range.
	ErrLevel = errors.New("deflate: Level must be 0 to 9")
)
