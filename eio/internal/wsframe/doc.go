// Package wsframe turns bytes into WebSocket messages and back (RFC 6455), for the server's side. It does no I/O,
// reads no clock and starts no goroutine. It is the one importer of gobwas/ws, whose vectorised masking it uses;
// that library's readers block, so they don't fit an event loop.
//
// Its caller is eio, on the event loop. [CheckUpgrade] and [AppendUpgrade] answer the HTTP request; from then on
// every read goes through [Reader.Next] until it reports [None]. A frame that arrives whole is unmasked in place
// and handed on without a copy; only what arrives in pieces goes to a buffer borrowed from the caller's pool.
//
// A Reader is loop-owned: one goroutine at a time. The functions are safe for concurrent use.
package wsframe
