package sio

import (
	"encoding/json"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/socketio"
)

// codec is the form in which a server reads and writes packets. New chooses it,
// so that nothing else asks whether there is a [Parser]. Immutable, safe for
// concurrent use. With a Parser of the application's, methods may panic, block
// or end their goroutine.
type codec interface {
	// receive handles one message of the client's connection: it dispatches the
	// packet that the message completes, or closes the connection. data is
	// borrowed. Called on the client's loop.
	receive(c *client, data []byte, binary bool)
	// splitEvent takes the name off the data of an event; splitAck has none. A
	// nil name is an event without one. What they return borrows from data.
	splitEvent(data []byte, attachments [][]byte) (name []byte, args RawArgs, err error)
	splitAck(data []byte, attachments [][]byte) (RawArgs, error)

	// binary reports whether packets are binary messages.
	binary() bool
	// ours reports whether the codec runs no code of the application's.
	ours() bool

	// The append methods append a packet to dst; on an error they return dst
	// unchanged.
	appendConnect(dst []byte, namespace, sid, pid string) []byte
	// appendConnectError appends a refusal; data is JSON, or nil.
	appendConnectError(dst []byte, namespace, message string, data []byte) []byte
	// appendConnect4 and appendConnectError4 are for clients of protocol 4.
	appendConnect4(dst []byte, namespace, sid string) []byte
	appendConnectError4(dst []byte, namespace, message string, data []byte) []byte
	appendDisconnect(dst []byte, namespace string) []byte
	// appendEvent and appendAck take RawArgs among args. The attachments are
	// the memory that args refer to.
	appendEvent(dst []byte, namespace string, id uint64, wantsAck bool, event string, args []any) (out []byte, attachments [][]byte, err error)
	appendAck(dst []byte, namespace string, id uint64, args []any) (out []byte, attachments [][]byte, err error)

	// copies reports whether appendRawEvent and appendRawAck can write args,
	// which they copy undecoded and without allocating.
	copies(args RawArgs) bool
	appendRawEvent(dst []byte, namespace string, id uint64, wantsAck bool, event string, args RawArgs) []byte
	appendRawAck(dst []byte, namespace string, id uint64, args RawArgs) []byte

	// replaceEmpty puts text in the place of the empty string that is the last
	// argument of a packet from appendEvent.
	replaceEmpty(packet []byte, text string) []byte
	// cutEmpty takes that empty string off the packet, in place, if cutsEmpty
	// reports that the codec can.
	cutsEmpty() bool
	cutEmpty(packet []byte) []byte
}

// newCodec returns the protocol's own form if ps is nil.
func newCodec(ps Parser) codec {
	switch ps.(type) {
	case nil:
		return jsonCodec{}
	case messagePack:
		return &parserCodec{ps, takesMessagePack}
	default:
		return &parserCodec{ps, takesValues}
	}
}

// jsonCodec is the protocol's own form: packets are text, and binary values
// follow theirs as attachments, each in a binary message (protocol 5, "Packet
// encoding").
type jsonCodec struct{}

func (jsonCodec) binary() bool { return false }

func (jsonCodec) ours() bool { return true }

func (jsonCodec) splitEvent(data []byte, attachments [][]byte) (name []byte, args RawArgs, err error) {
	name, raw, err := socketio.SplitEvent(data)
	return name, RawArgs{raw: raw, attachments: attachments}, err
}

func (jsonCodec) splitAck(data []byte, attachments [][]byte) (RawArgs, error) {
	raw, err := socketio.SplitAck(data)
	return RawArgs{raw: raw, attachments: attachments}, err
}

func (jsonCodec) appendConnect(dst []byte, namespace, sid, pid string) []byte {
	return socketio.AppendConnect(dst, namespace, sid, pid)
}

func (jsonCodec) appendConnectError(dst []byte, namespace, message string, data []byte) []byte {
	return socketio.AppendConnectError(dst, namespace, message, data)
}

// appendConnect4 appends a packet without data: a client of protocol 4 makes
// the id of its socket itself.
func (jsonCodec) appendConnect4(dst []byte, namespace, _ string) []byte {
	return socketio.AppendHeader(dst, socketio.Header{Type: socketio.Connect, Namespace: []byte(namespace)})
}

// appendConnectError4 appends data alone if there is some, else the message.
func (jsonCodec) appendConnectError4(dst []byte, namespace, message string, data []byte) []byte {
	if data == nil || string(data) == "null" {
		data = jsonenc.AppendString(nil, message)
	}
	return socketio.AppendHeader(dst, socketio.Header{Type: socketio.ConnectError, Namespace: []byte(namespace), Data: data})
}

func (jsonCodec) appendDisconnect(dst []byte, namespace string) []byte {
	return socketio.AppendDisconnect(dst, namespace)
}

func (jsonCodec) appendEvent(dst []byte, namespace string, id uint64, wantsAck bool, event string, args []any) ([]byte, [][]byte, error) {
	if holdRaw(args) {
		var err error
		if args, err = spread(args, takesJSON); err != nil {
			return dst, nil, err
		}
	}
	return socketio.AppendEvent(dst, namespace, id, wantsAck, event, args)
}

func (jsonCodec) appendAck(dst []byte, namespace string, id uint64, args []any) ([]byte, [][]byte, error) {
	if holdRaw(args) {
		var err error
		if args, err = spread(args, takesJSON); err != nil {
			return dst, nil, err
		}
	}
	return socketio.AppendAck(dst, namespace, id, args)
}

// copies is for JSON without placeholders.
func (jsonCodec) copies(args RawArgs) bool { return args.parsed == nil && len(args.attachments) == 0 }

func (jsonCodec) appendRawEvent(dst []byte, namespace string, id uint64, wantsAck bool, event string, args RawArgs) []byte {
	return socketio.AppendRawEvent(dst, namespace, id, wantsAck, event, args.raw)
}

func (jsonCodec) appendRawAck(dst []byte, namespace string, id uint64, args RawArgs) []byte {
	return socketio.AppendRawAck(dst, namespace, id, args.raw)
}

func (jsonCodec) replaceEmpty(packet []byte, text string) []byte {
	packet = append(packet[:len(packet)-len(`"]`)], text...)
	return append(packet, `"]`...)
}

func (jsonCodec) cutsEmpty() bool { return true }

func (jsonCodec) cutEmpty(packet []byte) []byte { return append(packet[:len(packet)-len(`,""]`)], ']') }

func (pc *parserCodec) binary() bool { return pc.parser.Binary() }

func (pc *parserCodec) ours() bool { return pc.takes == takesMessagePack }

func (pc *parserCodec) splitEvent(data []byte, _ [][]byte) (name []byte, args RawArgs, err error) {
	name, list, err := pc.parser.SplitEvent(data)
	return name, RawArgs{parsed: &parsedArgs{pc, list}}, err
}

func (pc *parserCodec) splitAck(data []byte, _ [][]byte) (RawArgs, error) {
	list, err := pc.parser.SplitAck(data)
	return RawArgs{parsed: &parsedArgs{pc, list}}, err
}

func (pc *parserCodec) appendConnect(dst []byte, namespace, sid, pid string) []byte {
	return pc.parser.AppendConnect(dst, namespace, sid, pid)
}

// appendConnectError leaves data out if the parser can't encode it.
func (pc *parserCodec) appendConnectError(dst []byte, namespace, message string, data []byte) []byte {
	if data != nil {
		if out, err := pc.parser.AppendConnectError(dst, namespace, message, json.RawMessage(data)); err == nil {
			return out
		}
	}
	dst, _ = pc.parser.AppendConnectError(dst, namespace, message, nil)
	return dst
}

// A Parser does not distinguish the versions of the protocol.

func (pc *parserCodec) appendConnect4(dst []byte, namespace, sid string) []byte {
	return pc.appendConnect(dst, namespace, sid, "")
}

func (pc *parserCodec) appendConnectError4(dst []byte, namespace, message string, data []byte) []byte {
	return pc.appendConnectError(dst, namespace, message, data)
}

func (pc *parserCodec) appendDisconnect(dst []byte, namespace string) []byte {
	return pc.parser.AppendDisconnect(dst, namespace)
}

func (pc *parserCodec) appendEvent(dst []byte, namespace string, id uint64, wantsAck bool, event string, args []any) ([]byte, [][]byte, error) {
	args, err := spread(args, pc.takes)
	if err != nil {
		return dst, nil, err
	}
	b, err := pc.parser.AppendEvent(dst, namespace, id, wantsAck, event, args)
	return b, nil, err
}

func (pc *parserCodec) appendAck(dst []byte, namespace string, id uint64, args []any) ([]byte, [][]byte, error) {
	args, err := spread(args, pc.takes)
	if err != nil {
		return dst, nil, err
	}
	b, err := pc.parser.AppendAck(dst, namespace, id, args)
	return b, nil, err
}

func (*parserCodec) copies(RawArgs) bool { return false }

func (*parserCodec) appendRawEvent([]byte, string, uint64, bool, string, RawArgs) []byte {
	panic("sio: a parser copies no arguments")
}

func (*parserCodec) appendRawAck([]byte, string, uint64, RawArgs) []byte {
	panic("sio: a parser copies no arguments")
}

func (pc *parserCodec) replaceEmpty(packet []byte, text string) []byte {
	return pc.parser.ReplaceEmpty(packet, text)
}

func (*parserCodec) cutsEmpty() bool { return false }

func (*parserCodec) cutEmpty([]byte) []byte { panic("sio: a parser cuts nothing off") }
