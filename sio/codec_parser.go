package sio

import (
	"encoding/json"

	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/codec/socketio"
)

// parserCodec writes packets by a [Parser], that of [MessagePack] included.
// Each packet is one message, and there are no attachments.
type parserCodec struct {
	parser Parser
	takes  valueForm
}

func (pc *parserCodec) binary() bool { return pc.parser.Binary() }

func (pc *parserCodec) ours() bool { return pc.takes == takesMessagePack }

func (pc *parserCodec) receive(c *client, data []byte, binary bool) {
	h, err := pc.parser.Parse(data, binary)
	if err == nil && h.Type == socketio.Connect && h.Data != nil {
		h.Data, err = pc.parser.AppendJSON(nil, h.Data)
	}
	if err != nil {
		c.invalid(err)
		return
	}
	c.dispatch(h, nil)
}

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

// parsedArgs are arguments that a Parser has split.
type parsedArgs struct {
	codec *parserCodec
	list  [][]byte
}

// argCost is how many bytes an argument takes in the list, besides its own.
const argCost = 24

// copyTo appends the arguments to dst and has the list refer to the copies.
func (a *parsedArgs) copyTo(dst []byte) []byte {
	start := len(dst)
	for _, arg := range a.list {
		dst = append(dst, arg...)
	}
	for i, arg := range a.list {
		if arg == nil {
			continue // the parser may tell nil from empty
		}
		end := start + len(arg)
		a.list[i] = dst[start:end:end]
		start = end
	}
	return dst
}

func (a *parsedArgs) json(i int) []byte {
	if i < 0 || i >= len(a.list) {
		return nil
	}
	b, err := a.codec.parser.AppendJSON(nil, a.list[i])
	if err != nil {
		return []byte("null") // it has no JSON form
	}
	return b
}

func (a *parsedArgs) bind(dst []any) error {
	for i, v := range dst[:min(len(dst), len(a.list))] {
		if v == nil {
			continue
		}
		if err := a.codec.parser.DecodeValue(a.list[i], v); err != nil {
			return &ArgumentError{Index: i, Err: err}
		}
	}
	return nil
}

// value returns argument i as a value for an encoder.
func (a *parsedArgs) value(i int, takes valueForm) (any, error) {
	switch {
	case a.codec.takes != takesMessagePack:
		var v any
		err := a.codec.parser.DecodeValue(a.list[i], &v)
		return v, err
	case takes == takesMessagePack:
		return msgpack.Raw(a.list[i]), nil
	default:
		return msgpack.Arg(a.list[i])
	}
}
