package sio

import (
	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/codec/socketio"
)

// PacketHeader is a packet that a [Parser] has read, but for what is in its
// data:
//
//   - Type is its type.
//   - Namespace is "/" or the name of another one, and never empty.
//   - ID is the id of an acknowledgement when HasID is set.
//   - Data is in the parser's own form; nil if there is none.
//   - Attachments must be 0.
type PacketHeader = socketio.Header

// PacketType is the kind of a packet (protocol 5, "Packet types").
type PacketType = socketio.PacketType

// The types of packets that clients send.
const (
	PacketConnect    = socketio.Connect
	PacketDisconnect = socketio.Disconnect
	PacketEvent      = socketio.Event
	PacketAck        = socketio.Ack
)

// Parser writes packets in another form than the protocol's own, which clients
// must use, too: nothing negotiates it. Each packet is one message of the
// engine. Its methods are called on any goroutine, on loops too, and must be
// safe for concurrent use; what they are given is borrowed, and what the
// parsing ones return may refer to it. The Append methods append to dst; on an
// error they return it unchanged.
//
// [MessagePack] is one.
type Parser interface {
	// Binary reports whether packets are binary messages, else they are text.
	Binary() bool

	// Parse reads a packet of type PacketConnect to PacketAck. Data is in the
	// parser's own form; SplitEvent and SplitAck must be able to read that of
	// events and acknowledgements. An error closes the connection.
	Parse(message []byte, binary bool) (PacketHeader, error)
	// SplitEvent takes the name off the data of an event, SplitAck has none. A
	// nil name is an event without one. The list is the caller's, which
	// replaces its items by copies.
	SplitEvent(data []byte) (name []byte, args [][]byte, err error)
	SplitAck(data []byte) (args [][]byte, err error)
	// DecodeValue decodes an argument into what v points to, by the rules of
	// encoding/json, and keeps nothing of it. AppendJSON translates it.
	DecodeValue(raw []byte, v any) error
	AppendJSON(dst, raw []byte) ([]byte, error)

	AppendConnect(dst []byte, namespace, sid, pid string) []byte
	// AppendConnectError appends a refusal; data is nil or a json.RawMessage.
	AppendConnectError(dst []byte, namespace, message string, data any) ([]byte, error)
	AppendDisconnect(dst []byte, namespace string) []byte
	// AppendEvent and AppendAck append packets. args are what the application
	// has given; [RawArgs] among them are replaced by their arguments before,
	// decoded.
	AppendEvent(dst []byte, namespace string, id uint64, wantsAck bool, event string, args []any) ([]byte, error)
	AppendAck(dst []byte, namespace string, id uint64, args []any) ([]byte, error)
	// ReplaceEmpty puts text in the place of the empty string that is the last
	// argument of a packet from AppendEvent.
	ReplaceEmpty(packet []byte, text string) []byte
}

// MessagePack returns the parser that understands socket.io-msgpack-parser.
// Binary values need no attachments in it, and Config.MaxAttachments does not
// apply.
func MessagePack() Parser { return messagePack{} }

type messagePack struct{}

func (messagePack) Binary() bool { return true }

func (messagePack) Parse(message []byte, binary bool) (PacketHeader, error) {
	if !binary {
		return PacketHeader{}, msgpack.ErrMalformed
	}
	return msgpack.ParsePacket(message)
}

func (messagePack) SplitEvent(data []byte) (name []byte, args [][]byte, err error) {
	name, list, err := msgpack.SplitEvent(data)
	return name, items(list), err
}

func (messagePack) SplitAck(data []byte) ([][]byte, error) {
	list, err := msgpack.SplitAck(data)
	return items(list), err
}

func items(list msgpack.RawArgs) [][]byte {
	args := make([][]byte, 0, list.Len())
	for arg, ok := list.Next(); ok; arg, ok = list.Next() {
		args = append(args, arg)
	}
	return args
}

func (messagePack) DecodeValue(raw []byte, v any) error { return msgpack.DecodeValue(raw, v) }

func (messagePack) AppendJSON(dst, raw []byte) ([]byte, error) { return msgpack.AppendJSON(dst, raw) }

func (messagePack) AppendConnect(dst []byte, namespace, sid, pid string) []byte {
	return msgpack.AppendConnect(dst, namespace, sid, pid)
}

func (messagePack) AppendConnectError(dst []byte, namespace, message string, data any) ([]byte, error) {
	return msgpack.AppendConnectError(dst, namespace, message, data)
}

func (messagePack) AppendDisconnect(dst []byte, namespace string) []byte {
	return msgpack.AppendDisconnect(dst, namespace)
}

func (messagePack) AppendEvent(dst []byte, namespace string, id uint64, wantsAck bool, event string, args []any) ([]byte, error) {
	return msgpack.AppendEvent(dst, namespace, id, wantsAck, event, args)
}

func (messagePack) AppendAck(dst []byte, namespace string, id uint64, args []any) ([]byte, error) {
	return msgpack.AppendAck(dst, namespace, id, args)
}

func (messagePack) ReplaceEmpty(packet []byte, text string) []byte {
	return msgpack.AppendString(packet[:len(packet)-1], text)
}

// parserCodec writes packets by a [Parser], that of [MessagePack] included.
// Each packet is one message, and there are no attachments.
type parserCodec struct {
	parser Parser
	takes  valueForm
}

// valueForm says which arguments that are encoded already an encoder takes.
type valueForm uint8

const (
	takesJSON        valueForm = iota // socketio.RawArg: jsonCodec, adapters
	takesMessagePack                  // that, and msgpack.Raw
	takesValues                       // none: a Parser of the application's
)
