// Package http1 turns bytes into HTTP/1.x requests, and responses into bytes,
// for a server that owns its sockets. It does no I/O, reads no clock and starts
// no goroutine.
//
// Its caller is package eio, on the event loop. Bytes of a connection go
// through [Parser.Head] until a head is whole, then through [Body.Next] until
// the body is whole, then through [Parser.Head] again; keep-alive and
// pipelining need nothing else. The Append functions append responses to a
// buffer.
//
// The parser is strict (RFC 9110, RFC 9112): it refuses whatever two
// implementations could frame differently. Each refusal is an [*Error] with the
// status to answer. After an error the connection's framing is lost, so the
// connection must be closed after the answer.
//
// A Request holds views of the bytes it was parsed from; nothing is copied.
// Parser, Body and Request are loop-owned: one goroutine at a time may use
// them. The functions are safe for concurrent use.
package http1
