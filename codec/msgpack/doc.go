// Package msgpack turns Socket.IO packets of the parser
// socket.io-msgpack-parser into bytes and back, and the MessagePack values in
// them into Go values. It does no I/O and holds no state.
//
// Each packet is one binary message of Engine.IO, a map of the members type,
// nsp, id and data; binary values lie in it, so there are no attachments and
// nothing to reconstruct. The shapes mirror those of codec/socketio, whose
// Header it fills, so that sio can choose between the two parsers.
//
// The way in: the server's loop gives each binary message to ParsePacket, which
// walks it once and leaves the data raw. SplitEvent finds the handler's name
// and the raw arguments; each is decoded straight into the handler's type with
// DecodeValue, on the goroutine of the handler.
//
// The way out: AppendEvent and AppendAck encode once, on the goroutine of the
// emitter. The cluster's adapters build their messages from AppendValue and
// AppendMapHeader and their like, and read them with DecodeValue and Raw.
//
// Functions are pure and safe for concurrent use. What ParsePacket and RawArgs
// hand out is borrowed from the input; what DecodeValue fills in is not.
//
// Go values are read and written by the rules of encoding/json, "json" tags
// included, so that a handler does not see which parser its namespace's clients
// use: numbers in an empty interface are float64, types that know only JSON are
// transcoded. What JSON has no form for comes through: bytes as bin, time.Time
// as a date, NaN as NaN. The value undefined is nil, or absent if a member.
//
// No library is used: none follows these rules, bounds nesting, splits without
// decoding, or knows the two dialects of dates without a registry that is
// global to the process.
//
// Where the reference is lax by accident, this package refuses: negative packet
// ids, an empty namespace, and event names that the default parser refuses.
package msgpack
