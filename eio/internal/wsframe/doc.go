// Package wsframe turns bytes into WebSocket messages and messages into bytes
// (RFC 6455), for the server's side. It does no I/O, reads no clock and starts
// no goroutine.
//
// Its caller is package eio, on the event loop. [CheckUpgrade] and
// [AppendUpgrade] answer the HTTP request. After that every read goes through
// [Reader.Next] until it reports [None]. A frame that arrives whole is unmasked
// in place and handed on without a copy. What arrives in pieces is assembled in
// a [loop.Frame], whose buffer comes from the pool for received bytes; a Reader
// holds one only while a message or frame is incomplete.
//
// This package is the only importer of gobwas/ws. The library unmasks payloads
// and judges close frames, and its constants are used throughout. Its functions
// for headers and for the handshake read from an io.Reader, which costs more
// than reading the loop's bytes where they are: see the comments of
// parseHeader, AppendHeader and AppendUpgrade for the figures, and
// library_bench_test.go for the comparison.
//
// A Reader is loop-owned: one goroutine at a time may use it. The functions are
// safe for concurrent use.
package wsframe
