package deflate

// marker ends the empty stored block after each message. It is not sent (RFC
// 7692 section 7.2.1).
const marker = "\x00\x00\xff\xff"

// AppendMessage appends payload to dst, compressed: what goes into frames of
// which the first has RSV1 set (RFC 7692 section 7.2.1). p is what was
// negotiated with the receiver. For all p whose Window holds the payload the
// result is the same and may be shared. Incompressible data grows by about 10
// bytes for each window. payload is borrowed until return and must not overlap
// the free part of dst. It allocates nothing when dst has room and a state is
// in the pool.
func (c *Compressor) AppendMessage(dst, payload []byte, p Params) []byte {
	// References never reach beyond their piece, so with pieces of the window's
	// size the encoder does not need to know the window.
	for window := p.Window(); len(payload) > window; payload = payload[window:] {
		dst = c.appendBlocks(dst, payload[:window], false)
	}
	dst = c.appendBlocks(dst, payload, false)
	return dst[:len(dst)-len(marker)]
}
