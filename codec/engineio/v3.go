package engineio

import (
	"errors"
	"strconv"
	"unicode/utf8"
)

var (
	// ErrPayloadLength reports a protocol 3 payload whose length prefix is
	// missing, malformed, or not that of the packet that follows.
	ErrPayloadLength = errors.New("engineio: bad packet length in payload")
	// ErrInvalidUTF8 reports text in a binary payload that is not UTF-8.
	ErrInvalidUTF8 = errors.New("engineio: text is not UTF-8")
)

// maxLengthDigits is how many decimal digits the reference reads as a length.
const maxLengthDigits = 310

const (
	textMark   = 0x00
	binaryMark = 0x01
	lengthEnd  = 0xff
)

// ParsePacketV3 parses one protocol 3 packet. The text form is a type digit and
// data, or 'b', a type digit and base64. The binary form, which binary selects,
// is the type as a byte and data. It decodes base64 in place, so b must be
// writable.
func ParsePacketV3(b []byte, binary bool) (Packet, error) {
	if len(b) == 0 {
		return Packet{}, ErrEmptyPacket
	}
	if binary {
		t := PacketType(b[0])
		if t > Noop {
			return Packet{}, ErrUnknownType
		}
		return Packet{Type: t, Binary: true, Data: b[1:]}, nil
	}
	inBase64 := b[0] == 'b'
	if inBase64 {
		if b = b[1:]; len(b) == 0 {
			return Packet{}, ErrUnknownType
		}
	}
	t := PacketType(b[0] - '0')
	if t > Noop {
		return Packet{}, ErrUnknownType
	}
	if inBase64 {
		return Packet{Type: t, Binary: true, Data: decodeBase64(b[1:])}, nil
	}
	return Packet{Type: t, Data: b[1:]}, nil
}

// AppendPacketV3 appends one protocol 3 packet as a WebSocket message has it:
// the text form, or for a binary packet the binary form, or with b64 its base64
// text form.
func AppendPacketV3(dst []byte, p Packet, b64 bool) []byte {
	switch {
	case !p.Binary:
		return append(append(dst, p.Type.Char()), p.Data...)
	case b64:
		return appendBase64(append(dst, 'b', p.Type.Char()), p.Data)
	default:
		return append(append(dst, byte(p.Type)), p.Data...)
	}
}

// NextPacketV3 parses the first packet of a protocol 3 polling payload and
// returns the rest. more reports whether rest is not empty and must be parsed
// too. binary selects the binary payload, which has the content type
// application/octet-stream; otherwise the caller passes the request's body
// through ToValidText first. A text packet of length 0, which the reference
// skips, is returned as a Noop. It decodes base64 in place, so payload must be
// writable.
func NextPacketV3(payload []byte, binary bool) (p Packet, rest []byte, more bool, err error) {
	if len(payload) == 0 {
		return Packet{}, nil, false, ErrEmptyPacket
	}
	if binary {
		p, rest, err = nextBinaryV3(payload)
	} else {
		p, rest, err = nextTextV3(payload)
	}
	if err != nil {
		return Packet{}, nil, false, err
	}
	return p, rest, len(rest) > 0, nil
}

func nextTextV3(payload []byte) (Packet, []byte, error) {
	n, i := 0, 0
	for ; i < len(payload) && payload[i] != ':'; i++ {
		d := payload[i] - '0'
		if d > 9 || i == maxLengthDigits {
			return Packet{}, nil, ErrPayloadLength
		}
		n = addDigit(n, d, len(payload))
	}
	if i == 0 || i == len(payload) {
		return Packet{}, nil, ErrPayloadLength
	}
	payload = payload[i+1:]
	if n == 0 {
		return Packet{Type: Noop}, payload, nil
	}
	end, ok := utf16Prefix(payload, n)
	if !ok {
		return Packet{}, nil, ErrPayloadLength
	}
	p, err := ParsePacketV3(payload[:end:end], false)
	return p, payload[end:], err
}

func nextBinaryV3(payload []byte) (Packet, []byte, error) {
	binary := payload[0] == binaryMark
	if !binary && payload[0] != textMark {
		return Packet{}, nil, ErrPayloadLength
	}
	digits := payload[1:]
	n, i := 0, 0
	for ; i < len(digits) && digits[i] != lengthEnd; i++ {
		if digits[i] > 9 || i == maxLengthDigits {
			return Packet{}, nil, ErrPayloadLength
		}
		n = addDigit(n, digits[i], len(payload))
	}
	if i == 0 || i == len(digits) || n > len(digits)-i-1 {
		return Packet{}, nil, ErrPayloadLength
	}
	body, rest := digits[i+1:i+1+n:i+1+n], digits[i+1+n:]
	if !binary && !utf8.Valid(body) {
		return Packet{}, nil, ErrInvalidUTF8
	}
	p, err := ParsePacketV3(body, binary)
	return p, rest, err
}

// addDigit appends the decimal digit d to n, but returns at most limit+1.
func addDigit(n int, d byte, limit int) int {
	return min(n*10+int(d), limit+1)
}

// AppendPayloadV3 appends p to dst as an element of a string payload: its
// length in UTF-16 code units, ':' and the text form, in base64 if p is binary.
func AppendPayloadV3(dst []byte, p Packet) []byte {
	if p.Binary {
		dst = strconv.AppendInt(dst, int64(2+(len(p.Data)+2)/3*4), 10)
	} else {
		dst = strconv.AppendInt(dst, int64(1+utf16Len(p.Data)), 10)
	}
	return AppendPacketV3(append(dst, ':'), p, true)
}

// AppendBinaryPayloadV3 appends p to dst as an element of a binary payload. A
// payload is binary as soon as one of its packets is and the client accepts
// binary data; its text packets must then be framed so too.
func AppendBinaryPayloadV3(dst []byte, p Packet) []byte {
	mark := byte(textMark)
	if p.Binary {
		mark = binaryMark
	}
	var digits [20]byte
	dst = append(dst, mark)
	for _, c := range strconv.AppendInt(digits[:0], int64(1+len(p.Data)), 10) {
		dst = append(dst, c-'0')
	}
	return AppendPacketV3(append(dst, lengthEnd), p, false)
}
