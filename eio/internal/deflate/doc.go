// Package deflate compresses WebSocket messages (permessage-deflate, RFC 7692) and HTTP bodies (gzip, RFC 1952, and
// zlib, RFC 1950, which HTTP calls deflate). Bytes in, bytes out: it does no I/O, reads no clock and starts no
// goroutine. It is the one importer of klauspost/compress.
//
// Its caller is eio, on the event loop: [Negotiate] judges the handshake, then a message that goes out passes through
// [Compressor.AppendMessage] and one that came compressed through [AppendInflated]. [Compressor.AppendBody] serves
// polling responses.
//
// No connection owns a state. Context takeover is refused in both directions, so that a message depends on nothing
// before it: a state is borrowed from a pool for the length of one call (280 KB to compress at level 1, 40 KB to
// inflate, one for each goroutine at work), and a broadcast is compressed once for all its receivers.
//
// Everything here is safe for concurrent use.
package deflate
