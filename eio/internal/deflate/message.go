package deflate

// marker ends the empty stored block after each message. It is not sent (RFC 7692 section 7.2.1).
const marker = "\x00\x00\xff\xff"

// AppendMessage appends payload, compressed, to dst: what goes into frames whose first has RSV1 set (RFC 7692 section
// 7.2.1). p is what was negotiated with the receiver; for all p whose Window holds the payload the result is the same
// and may be shared. What does not shrink grows by about 10 bytes a window. payload is borrowed and must not overlap
// what dst has room for. It allocates nothing when dst has room and a state is in the pool.
func (c *Compressor) AppendMessage(dst, payload []byte, p Params) []byte {
	// A reference never reaches beyond its piece, so pieces of the window's size need no encoder that minds it.
	for window := p.Window(); len(payload) > window; payload = payload[window:] {
		dst = c.appendBlocks(dst, payload[:window], false)
	}
	dst = c.appendBlocks(dst, payload, false)
	return dst[:len(dst)-len(marker)]
}
