package sio

import (
	"encoding/json"

	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/eio"
)

// Parser writes packets in another form than the protocol's own, which clients
// must use, too: nothing negotiates it. Each packet is one message of the engine.
// Its methods are called on any goroutine, on loops too, and must be safe for
// concurrent use; what they are given is borrowed, and what the parsing ones
// return may refer to it. The Append methods append to dst; on an error they
// return it unchanged.
//
// [MessagePack] is one.
type Parser interface {
	// Binary reports whether packets are binary messages, else they are text.
	Binary() bool

	// Parse reads a packet of type Connect to Ack. Data is in the parser's own form;
	// SplitEvent and SplitAck must be able to read that of events and
	// acknowledgements. An error closes the connection.
	Parse(message []byte, binary bool) (socketio.Header, error)
	// SplitEvent takes the name off the data of an event, SplitAck has none. A nil
	// name is an event without one.
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
	// AppendEvent and AppendAck append packets. args are what the application has
	// given; [RawArgs] among them are replaced by their arguments before, decoded.
	AppendEvent(dst []byte, namespace string, id uint64, wantsAck bool, event string, args []any) ([]byte, error)
	AppendAck(dst []byte, namespace string, id uint64, args []any) ([]byte, error)
	// ReplaceEmpty puts text in the place of the empty string that is the last
	// argument of a packet from AppendEvent.
	ReplaceEmpty(packet []byte, text string) []byte
}

// MessagePack returns the parser that understands socket.io-msgpack-parser. Binary
// values need no attachments in it, and Config.MaxAttachments does not apply.
func MessagePack() Parser { return messagePack{} }

type messagePack struct{}

func (messagePack) Binary() bool { return true }

func (messagePack) Parse(message []byte, binary bool) (socketio.Header, error) {
	if !binary {
		return socketio.Header{}, msgpack.ErrMalformed
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

// replaceEmpty is [Parser.ReplaceEmpty].
func (srv *Server) replaceEmpty(packet []byte, text string) []byte {
	if ps := srv.cfg.Parser; ps != nil {
		return ps.ReplaceEmpty(packet, text)
	}
	packet = append(packet[:len(packet)-len(`"]`)], text...)
	return append(packet, `"]`...)
}

// parsedArgs are arguments that a Parser has split.
type parsedArgs struct {
	parser Parser
	list   [][]byte
}

func (a *parsedArgs) json(i int) []byte {
	if i < 0 || i >= len(a.list) {
		return nil
	}
	b, err := a.parser.AppendJSON(nil, a.list[i])
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
		if err := a.parser.DecodeValue(a.list[i], v); err != nil {
			return &ArgumentError{Index: i, Err: err}
		}
	}
	return nil
}

// receiveParsed handles a message of a server with a Parser.
func (c *client) receiveParsed(ps Parser, data []byte, binary bool) {
	h, err := ps.Parse(data, binary)
	if err == nil && h.Type == socketio.Connect && h.Data != nil {
		h.Data, err = ps.AppendJSON(nil, h.Data)
	}
	if err != nil {
		c.invalid(err)
		return
	}
	c.dispatch(h, nil)
}

// splitEvent takes the name off the data of an event.
func (srv *Server) splitEvent(data []byte, attachments [][]byte) (name []byte, args RawArgs, err error) {
	if ps := srv.cfg.Parser; ps != nil {
		name, list, err := ps.SplitEvent(data)
		return name, RawArgs{parsed: &parsedArgs{ps, list}}, err
	}
	name, raw, err := socketio.SplitEvent(data)
	return name, RawArgs{raw: raw, attachments: attachments}, err
}

// splitAck returns the arguments of an acknowledgement.
func (srv *Server) splitAck(data []byte, attachments [][]byte) (RawArgs, error) {
	if ps := srv.cfg.Parser; ps != nil {
		list, err := ps.SplitAck(data)
		return RawArgs{parsed: &parsedArgs{ps, list}}, err
	}
	raw, err := socketio.SplitAck(data)
	return RawArgs{raw: raw, attachments: attachments}, err
}

// newPacket is an empty packet in the form of the server's parser.
func (srv *Server) newPacket() *eio.EncodedPacket {
	return eio.NewEncodedPacket(srv.cfg.Parser != nil && srv.cfg.Parser.Binary())
}

// connectMessage answers a CONNECT packet.
func (srv *Server) connectMessage(namespace, sid, pid string) message {
	return srv.plainMessage(func(b []byte) []byte {
		if ps := srv.cfg.Parser; ps != nil {
			return ps.AppendConnect(b, namespace, sid, pid)
		}
		return socketio.AppendConnect(b, namespace, sid, pid)
	})
}

// refusalMessage answers a CONNECT packet with an error; data is JSON or nil.
func (srv *Server) refusalMessage(namespace, message string, data []byte) message {
	return srv.plainMessage(func(b []byte) []byte {
		ps := srv.cfg.Parser
		if ps == nil {
			return socketio.AppendConnectError(b, namespace, message, data)
		}
		if data != nil {
			if out, err := ps.AppendConnectError(b, namespace, message, json.RawMessage(data)); err == nil {
				return out
			}
		}
		b, _ = ps.AppendConnectError(b, namespace, message, nil)
		return b
	})
}

// disconnectMessage tells a client that it is out of a namespace.
func (srv *Server) disconnectMessage(namespace string) message {
	return srv.plainMessage(func(b []byte) []byte {
		if ps := srv.cfg.Parser; ps != nil {
			return ps.AppendDisconnect(b, namespace)
		}
		return socketio.AppendDisconnect(b, namespace)
	})
}

// plainMessage returns a packet without attachments.
func (srv *Server) plainMessage(encode func(b []byte) []byte) message {
	p := srv.newPacket()
	p.End(encode(p.Begin()))
	return message{head: p}
}

func (srv *Server) appendEvent(dst []byte, namespace string, id uint64, wantsAck bool, event string, args []any) ([]byte, [][]byte, error) {
	if srv.cfg.Parser != nil || holdRaw(args) {
		var err error
		if args, err = spread(args, srv.cfg.Parser); err != nil {
			return dst, nil, err
		}
	}
	if ps := srv.cfg.Parser; ps != nil {
		b, err := ps.AppendEvent(dst, namespace, id, wantsAck, event, args)
		return b, nil, err
	}
	return socketio.AppendEvent(dst, namespace, id, wantsAck, event, args)
}

func (srv *Server) appendAck(dst []byte, namespace string, id uint64, args []any) ([]byte, [][]byte, error) {
	if srv.cfg.Parser != nil || holdRaw(args) {
		var err error
		if args, err = spread(args, srv.cfg.Parser); err != nil {
			return dst, nil, err
		}
	}
	if ps := srv.cfg.Parser; ps != nil {
		b, err := ps.AppendAck(dst, namespace, id, args)
		return b, nil, err
	}
	return socketio.AppendAck(dst, namespace, id, args)
}
