package wire

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/sio/cluster"
)

// Append appends m as the reference's sharded adapter does: as JSON, unless
// there are binary values in it; then as MessagePack. On an error, which is
// [cluster.ErrUnencodable] for all functions of this package, it returns dst
// unchanged.
func Append(dst []byte, m *cluster.Message) ([]byte, error) {
	out, err := appendMessage(dst, text, m)
	if errors.Is(err, errBinary) {
		return AppendMessagePack(dst, m)
	}
	return readable(dst, out, err)
}

// readable refuses bytes after dst that a reader would refuse: those that are
// nested so deep that there is no room for the levels around them.
func readable(dst, out []byte, err error) ([]byte, error) {
	if err == nil {
		err = Check(out[len(dst):])
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// Check returns an error, which is [cluster.ErrUnencodable], if a whole
// message, or what DecodeData reads, is nested deeper than readers allow. It
// is cheap.
func Check(b []byte) error {
	if len(b) <= jsonenc.MaxDepth {
		return nil
	}
	if b[0] == '{' && bytes.Count(b, []byte{'['})+bytes.Count(b, []byte{'{'}) <= jsonenc.MaxDepth {
		return nil
	}
	if _, err := Parse(b); err != nil {
		return fmt.Errorf("%w: %w", cluster.ErrUnencodable, err)
	}
	return nil
}

// AppendMessagePack appends m as MessagePack. On an error it returns dst
// unchanged.
func AppendMessagePack(dst []byte, m *cluster.Message) ([]byte, error) {
	out, err := appendMessage(dst, packed, m)
	return readable(dst, out, err)
}

// AppendData appends the member data of m alone, as Append does, and reports
// whether that is JSON. It appends nothing for types without data. On an error
// it returns dst unchanged.
func AppendData(dst []byte, m *cluster.Message) (out []byte, json bool, err error) {
	if !hasData(m.Type) {
		return dst, true, nil
	}
	write := func(e *encoder) error { return e.data(m) }
	out, err = piece(dst, text, write)
	json = !errors.Is(err, errBinary)
	if !json {
		out, err = piece(dst, packed, write)
	}
	out, err = readable(dst, out, err)
	return out, json, err
}

// AppendDataJSON is AppendData without MessagePack: binary values become
// base64.
func AppendDataJSON(dst []byte, m *cluster.Message) ([]byte, error) {
	if !hasData(m.Type) {
		return dst, nil
	}
	out, err := piece(dst, plain, func(e *encoder) error { return e.data(m) })
	return readable(dst, out, err)
}

// hasData reports whether messages of a type have the member data.
func hasData(t cluster.MessageType) bool {
	return t != cluster.InitialHeartbeat && t != cluster.Heartbeat && t != cluster.AdapterClose
}

// isRequest reports whether messages of a type may want answers.
func isRequest(t cluster.MessageType) bool {
	return t == cluster.Broadcast || t == cluster.FetchSockets || t == cluster.ServerSideEmit
}

func appendMessage(dst []byte, f form, m *cluster.Message) ([]byte, error) {
	return piece(dst, f, func(e *encoder) error {
		o := e.open()
		e.key("uid")
		e.text(m.UID)
		e.key("nsp")
		e.text(m.Namespace)
		e.key("type")
		e.int(int(m.Type))
		if hasData(m.Type) {
			e.key("data")
			if err := e.data(m); err != nil {
				return err
			}
		}
		e.close(o)
		return nil
	})
}

// data writes the member data.
func (e *encoder) data(m *cluster.Message) (err error) {
	o := e.open()
	if m.RequestID != "" {
		e.key("requestId")
		e.text(m.RequestID)
	}
	if m.RequestID != "" && m.Parts > 0 && isRequest(m.Type) {
		e.key("parts")
		e.int(m.Parts)
	}
	switch m.Type {
	case cluster.AnswerPart, cluster.NextPart:
		err = e.part(m)
	case cluster.Broadcast:
		e.key("packet")
		if err = e.packet(m.Namespace, m.Packet); err == nil {
			e.key("opts")
			e.options(m.Options, m.Timeout)
		}
	case cluster.SocketsJoin, cluster.SocketsLeave:
		e.key("opts")
		e.options(m.Options, 0)
		e.key("rooms")
		e.texts(m.Rooms)
	case cluster.DisconnectSockets:
		e.key("opts")
		e.options(m.Options, 0)
		e.key("close")
		e.bool(m.Close)
	case cluster.FetchSockets:
		e.key("opts")
		e.options(m.Options, 0)
		if m.CountOnly {
			e.key("count")
			e.bool(true)
		}
	case cluster.FetchSocketsResponse:
		e.key("sockets")
		err = e.sockets(m.Sockets)
		if m.CountOnly {
			e.key("clientCount")
			e.int(m.ClientCount)
		}
	case cluster.ServerSideEmit:
		e.key("packet")
		err = e.event(m.Packet)
	case cluster.ServerSideEmitResponse, cluster.BroadcastAck:
		if m.Answer.Data != nil {
			e.key("packet")
			err = e.answer(m.Answer)
		}
	case cluster.BroadcastClientCount:
		e.key("clientCount")
		e.int(m.ClientCount)
	}
	e.close(o)
	return err
}
