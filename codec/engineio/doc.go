// Package engineio turns Engine.IO packets into bytes and back: single packets,
// polling payloads of protocol 4 and of protocol 3, the handshake's JSON, and
// the JSONP wrapping. It does no I/O and reads no clock.
//
// Its caller is package eio, with the bytes of a WebSocket message or of a
// request's body, on the goroutine of the session's loop. All functions are
// pure: safe for concurrent use as long as the callers own their arguments.
//
// Parsing copies nothing. A parsed Packet points into the input, and base64 is
// decoded in place, over the input. Appending goes to a slice that the caller
// gives, and allocates only when that has no room.
package engineio
