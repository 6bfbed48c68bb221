package deflate

import "errors"

var (
	// ErrOffers reports a Sec-WebSocket-Extensions value that is not a list of
	// extensions. RFC 6455 section 9.1 requires that the handshake then fails.
	ErrOffers = errors.New("deflate: malformed list of extensions")
	// ErrTooBig reports a message that inflates beyond the limit, to be
	// answered with status 1009.
	ErrTooBig = errors.New("deflate: message too big")
	// ErrCorrupt reports bytes that are not a deflated message, or that refer
	// to an earlier message, to be answered with status 1007.
	ErrCorrupt = errors.New("deflate: corrupt message")
	// ErrLevel reports a Config.Level out of range.
	ErrLevel = errors.New("deflate: Level must be 0 to 9")
)
