package engineio

import (
	"bytes"
	"errors"
)

// PacketType is the kind of an Engine.IO packet (protocol, "Packet types").
type PacketType byte

// The packet types, numbered as on the wire.
const (
	Open PacketType = iota
	Close
	Ping
	Pong
	Message
	Upgrade
	Noop
)

// String returns the name of the type as the protocol has it.
func (t PacketType) String() string {
	if t > Noop {
		return "unknown"
	}
	return [...]string{"open", "close", "ping", "pong", "message", "upgrade", "noop"}[t]
}

// Char returns the digit that stands for t in text packets.
func (t PacketType) Char() byte { return '0' + byte(t) }

// Separator stands between the packets of a protocol 4 polling payload.
const Separator = 0x1e

var (
	// ErrEmptyPacket reports a packet of no bytes, or an empty segment of a
	// payload.
	ErrEmptyPacket = errors.New("engineio: empty packet")
	// ErrUnknownType reports a packet whose first byte names no type.
	ErrUnknownType = errors.New("engineio: unknown packet type")
)

// Packet is one Engine.IO packet. Data of a parsed packet is borrowed: it
// points into the bytes that were parsed.
type Packet struct {
	Type   PacketType
	Binary bool
	Data   []byte
}

// ParsePacket parses the text form of a protocol 4 packet: a type digit and
// data, or 'b' and base64, which makes a binary message. It decodes base64 in
// place, so b must be writable, and skips bytes that are not base64, as the
// reference does. It does not check UTF-8.
func ParsePacket(b []byte) (Packet, error) {
	if len(b) == 0 {
		return Packet{}, ErrEmptyPacket
	}
	if b[0] == 'b' {
		return Packet{Type: Message, Binary: true, Data: decodeBase64(b[1:])}, nil
	}
	t := PacketType(b[0] - '0')
	if t > Noop {
		return Packet{}, ErrUnknownType
	}
	return Packet{Type: t, Data: b[1:]}, nil
}

// AppendPacket appends the text form of p to dst: the type digit and the data,
// or 'b' and padded base64 when p is binary, whatever its type.
func AppendPacket(dst []byte, p Packet) []byte {
	if p.Binary {
		return appendBase64(append(dst, 'b'), p.Data)
	}
	return append(append(dst, p.Type.Char()), p.Data...)
}

// NextPacket parses the first packet of a protocol 4 polling payload and
// returns the rest. more reports whether a separator followed: rest must then
// be parsed too, even if it is empty, which is an error. The caller passes the
// request's body through ToValidText first. Like ParsePacket it decodes base64
// in place.
func NextPacket(payload []byte) (p Packet, rest []byte, more bool, err error) {
	segment := payload
	if i := bytes.IndexByte(payload, Separator); i >= 0 {
		segment, rest, more = payload[:i:i], payload[i+1:], true
	}
	p, err = ParsePacket(segment)
	if err != nil {
		return Packet{}, nil, false, err
	}
	return p, rest, more, nil
}
