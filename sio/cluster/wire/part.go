package wire

import (
	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/sio/cluster"
)

// part writes the members of a message that has a part of an answer or asks for
// the next one. The reference has no such messages. Bytes make it MessagePack.
func (e *encoder) part(m *cluster.Message) error {
	p := m.Part
	if p == nil {
		return invalid("a part of nothing")
	}
	e.key("stream")
	e.text(p.Stream)
	e.key("part")
	e.int(p.Number)
	if m.Type == cluster.NextPart {
		e.key("limit")
		e.int(p.Limit)
		e.key("stop")
		e.bool(p.Stop)
		return nil
	}
	if e.form != packed {
		return errBinary
	}
	e.key("last")
	e.bool(p.Last)
	e.key("bytes")
	e.b = msgpack.AppendBinary(e.b, p.Bytes)
	return nil
}

// Part returns what the members of a map say about a part of an answer.
func (v Value) Part() (*cluster.Part, error) {
	p := new(cluster.Part)
	err := v.Members(func(key string, v Value) (err error) {
		switch key {
		case "stream":
			p.Stream, err = v.Text()
		case "part":
			p.Number, err = v.Int()
		case "limit":
			p.Limit, err = v.Int()
		case "last":
			p.Last = v.Is(true)
		case "stop":
			p.Stop = v.Is(true)
		case "bytes":
			if !v.mp {
				return invalid("bytes in a text")
			}
			err = msgpack.DecodeValue(v.raw, &p.Bytes)
		}
		return err
	})
	return p, err
}

// AppendPart appends a whole message about a part as MessagePack: a map of uid,
// type, requestId and the members that Part reads. On an error it returns dst
// unchanged.
func AppendPart(dst []byte, m *cluster.Message) ([]byte, error) {
	return piece(dst, packed, func(e *encoder) error {
		o := e.open()
		e.key("uid")
		e.text(m.UID)
		e.key("type")
		e.int(int(m.Type))
		e.key("requestId")
		e.text(m.RequestID)
		err := e.part(m)
		e.close(o)
		return err
	})
}
