package deflate

import (
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
)

// The content codings of AppendBody (RFC 9110 section 8.4.1), in the server's
// order of preference.
const (
	Gzip    = "gzip"
	Deflate = "deflate"
)

// AppendBody appends body to dst in a content coding: gzip, or deflate in the
// zlib format; any other, "" included, leaves body as it is. body is borrowed
// until return and must not overlap the free part of dst. It allocates nothing
// when dst has room and a state is in the pool.
func (c *Compressor) AppendBody(dst []byte, encoding string, body []byte) []byte {
	switch encoding {
	case Gzip:
		// Magic, method deflate, no flags, no time, no hint, unknown system
		// (RFC 1952 section 2.3).
		dst = append(dst, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255)
		dst = c.appendBlocks(dst, body, true)
		dst = binary.LittleEndian.AppendUint32(dst, crc32.ChecksumIEEE(body))
		return binary.LittleEndian.AppendUint32(dst, uint32(len(body)))
	case Deflate:
		// Method deflate with a window of 15 bits, no dictionary, fast (RFC
		// 1950 section 2.2).
		dst = append(dst, 0x78, 0x01)
		dst = c.appendBlocks(dst, body, true)
		return binary.BigEndian.AppendUint32(dst, adler32.Checksum(body))
	}
	return append(dst, body...)
}
