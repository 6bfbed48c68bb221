package wsframe

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Opcode is the type of a frame (RFC 6455 section 5.2).
type Opcode byte

// The opcodes that a server sends.
const (
	OpText   = Opcode(ws.OpText)
	OpBinary = Opcode(ws.OpBinary)
	OpClose  = Opcode(ws.OpClose)
	OpPing   = Opcode(ws.OpPing)
	OpPong   = Opcode(ws.OpPong)
)

const (
	// MaxHeader is the longest header of an unmasked frame in bytes: the headroom that [PutHeaderBefore] needs.
	MaxHeader = 10
	// MaxControl is the longest payload of a close, ping or pong frame in bytes.
	MaxControl = ws.MaxControlFramePayloadSize

	finBit  = 0x80
	rsv1Bit = 0x40
	rsvBits = 0x70
	opBits  = 0x0f
	maskBit = 0x80

	len16 = 126
	len64 = 127
)

// AppendHeader appends the header of an unmasked, final frame with a payload of length bytes. rsv1 marks a
// compressed message (RFC 7692).
func AppendHeader(dst []byte, op Opcode, length int, rsv1 bool) []byte {
	first := finBit | byte(op)
	if rsv1 {
		first |= rsv1Bit
	}
	switch {
	case length < len16:
		return append(dst, first, byte(length))
	case length <= 0xffff:
		return append(dst, first, len16, byte(length>>8), byte(length))
	default:
		return binary.BigEndian.AppendUint64(append(dst, first, len64), uint64(length))
	}
}

// PutHeaderBefore writes the header of an unmasked, final, uncompressed frame so that it ends where the payload of
// length bytes starts, at b[end], and returns where the header starts. b[end-MaxHeader:end] must exist.
func PutHeaderBefore(b []byte, end int, op Opcode, length int) (start int) {
	var h [MaxHeader]byte
	head := AppendHeader(h[:0], op, length, false)
	start = end - len(head)
	copy(b[start:end], head)
	return start
}

// AppendClose appends a close frame. code 0 sends none, which the peer sees as 1005; the reason is then left out.
// A reason beyond 123 bytes is cut at a character's end.
func AppendClose(dst []byte, code uint16, reason string) []byte {
	if code == 0 {
		return append(dst, finBit|byte(OpClose), 0)
	}
	if len(reason) > MaxControl-2 {
		cut := MaxControl - 2
		for cut > 0 && !utf8.RuneStart(reason[cut]) {
			cut--
		}
		reason = reason[:cut]
	}
	dst = AppendHeader(dst, OpClose, 2+len(reason), false)
	dst = append(dst, byte(code>>8), byte(code))
	return append(dst, reason...)
}

// AppendPong appends the answer to a ping with this payload, which is at most MaxControl bytes, as every ping from
// a Reader is; what is beyond that is cut.
func AppendPong(dst, payload []byte) []byte {
	payload = payload[:min(len(payload), MaxControl)]
	dst = AppendHeader(dst, OpPong, len(payload), false)
	return append(dst, payload...)
}
