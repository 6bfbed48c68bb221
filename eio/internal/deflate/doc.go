// Package deflate compresses WebSocket messages (permessage-deflate, RFC 7692)
// and HTTP bodies (gzip, RFC 1952, and zlib, RFC 1950, which HTTP calls
// deflate). It does no I/O, reads no clock and starts no goroutine. It is the
// only importer of klauspost/compress.
//
// Its caller is package eio, on the event loop. [Negotiate] judges the
// handshake. After that [Compressor.AppendMessage] compresses each outgoing
// message, and [AppendInflated] inflates each message that came compressed.
// [Compressor.AppendBody] serves polling responses.
//
// No connection owns a state. Context takeover is refused in both directions,
// so that a message depends on nothing before it. A state comes from a pool for
// one call (280 KB to compress at level 1, 40 KB to inflate, one for each
// goroutine at work), and a broadcast is compressed once for all receivers with
// the same window.
//
// Everything here is safe for concurrent use.
package deflate
