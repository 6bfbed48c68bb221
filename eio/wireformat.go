package eio

import (
	"encoding/base64"
	"slices"

	"github.com/sioserver/sioserver/codec/engineio"
	"github.com/sioserver/sioserver/eio/internal/wsframe"
	"github.com/sioserver/sioserver/loop"
)

// wireFormat is how packets are written for one session: by which protocol, and
// whether binary data must be sent as base64.
type wireFormat struct {
	v3, b64 bool
}

func (f wireFormat) protocol() int {
	if f.v3 {
		return 3
	}
	return 4
}

// parse parses one WebSocket message.
func (f wireFormat) parse(data []byte, binary bool) (engineio.Packet, error) {
	switch {
	case f.v3:
		return engineio.ParsePacketV3(data, binary)
	case binary:
		return engineio.Packet{Type: engineio.Message, Binary: true, Data: data}, nil
	default:
		return engineio.ParsePacket(data)
	}
}

// next parses the first packet of a POST's body; octets selects the binary
// payload of protocol 3.
func (f wireFormat) next(body []byte, octets bool) (p engineio.Packet, rest []byte, more bool, err error) {
	if f.v3 {
		return engineio.NextPacketV3(body, octets)
	}
	return engineio.NextPacket(body)
}

// binaryPayload reports whether packets need the binary payload of protocol 3.
func (f wireFormat) binaryPayload(packets []*EncodedPacket) bool {
	return f.v3 && !f.b64 && slices.ContainsFunc(packets, (*EncodedPacket).Binary)
}

// appendPayload appends packets as the body of a polling response (Engine.IO
// protocol, "HTTP long-polling encoding").
func (f wireFormat) appendPayload(dst []byte, packets []*EncodedPacket) []byte {
	octets := f.binaryPayload(packets)
	for i, p := range packets {
		switch {
		case octets:
			dst = engineio.AppendBinaryPayloadV3(dst, p.packet())
		case f.v3:
			dst = engineio.AppendPayloadV3(dst, p.packet())
		default:
			if i > 0 {
				dst = append(dst, engineio.Separator)
			}
			dst = engineio.AppendPacket(dst, p.packet())
		}
	}
	return dst
}

// size returns the encoded size of p in bytes without framing; queue limits use
// it. Packets that wait for a GET count no more after an upgrade than before
// it.
func (f wireFormat) size(p *EncodedPacket, webSocket bool) int {
	if p.binary && (f.b64 || !f.v3 && !webSocket) {
		return 1 + base64.StdEncoding.EncodedLen(p.Len())
	}
	return p.Len()
}

// payloadSize returns an upper bound of what appendPayload appends.
func (f wireFormat) payloadSize(packets []*EncodedPacket) int {
	const framing = 24
	n := 0
	for _, p := range packets {
		n += framing + p.Len()
		if p.binary {
			n += base64.StdEncoding.EncodedLen(p.Len()) - p.Len()
		}
	}
	return n
}

// webSocketFrame returns p as a WebSocket frame, with a reference for the
// caller.
func (p *EncodedPacket) webSocketFrame(f wireFormat) *loop.Frame {
	switch {
	case !p.binary || f == (wireFormat{}):
		return p.frame.Retain()
	case f.b64:
		return p.newFrame(wsframe.OpText, func(b []byte) []byte {
			if f.v3 {
				return engineio.AppendPacketV3(b, p.packet(), true)
			}
			return engineio.AppendPacket(b, p.packet())
		})
	}
	// Protocol 3's binary frame is made once, when it is first needed.
	return cached(&p.v3, func() *loop.Frame {
		return p.newFrame(wsframe.OpBinary, func(b []byte) []byte {
			return engineio.AppendPacketV3(b, p.packet(), false)
		})
	})
}

// newFrame returns p as a WebSocket frame with the payload that appendTo
// appends.
func (p *EncodedPacket) newFrame(op wsframe.Opcode, appendTo func([]byte) []byte) *loop.Frame {
	f := loop.NewFrame()
	f.Group = p.frame.Group
	f.B = appendTo(append(f.B, room...))
	f.Start = wsframe.PutHeaderBefore(f.B, headroom, op, len(f.B)-headroom)
	return f
}
