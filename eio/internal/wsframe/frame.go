package wsframe

import (
	"encoding/binary"

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
	// MaxHeader is the length in bytes of the longest header of an unmasked
	// frame: the headroom that [PutHeaderBefore] needs.
	MaxHeader = 10
	// MaxControl is the longest payload of a close, ping or pong frame in
	// bytes.
	MaxControl = ws.MaxControlFramePayloadSize

	finBit  = 0x80
	rsv1Bit = 0x40
	rsvBits = 0x70
	opBits  = 0x0f
	maskBit = 0x80

	len16 = 126
	len64 = 127
)

// AppendHeader appends the header of an unmasked, final frame with a payload of
// length bytes. rsv1 marks a compressed message (RFC 7692).
//
// ws.WriteHeaderBuffer into a slice takes 6 times as long (59 against 9 ns, go
// test -bench AppendHeader), and each packet that is sent needs a header.
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

// PutHeaderBefore writes the header of an unmasked, final, uncompressed frame
// into b so that the header ends at b[end], where the payload of length bytes
// starts. It returns where the header starts. b[end-MaxHeader:end] must exist.
func PutHeaderBefore(b []byte, end int, op Opcode, length int) (start int) {
	var h [MaxHeader]byte
	head := AppendHeader(h[:0], op, length, false)
	start = end - len(head)
	copy(b[start:end], head)
	return start
}

// AppendClose appends a close frame without a reason. Code 0 sends no status,
// which the peer reads as 1005.
func AppendClose(dst []byte, code uint16) []byte {
	if code == 0 {
		return append(dst, ws.CompiledClose...)
	}
	return binary.BigEndian.AppendUint16(AppendHeader(dst, OpClose, 2, false), code)
}

// AppendPong appends the answer to a ping with this payload, which must have at
// most MaxControl bytes, as each ping from a Reader has; more is cut off.
func AppendPong(dst, payload []byte) []byte {
	payload = payload[:min(len(payload), MaxControl)]
	dst = AppendHeader(dst, OpPong, len(payload), false)
	return append(dst, payload...)
}
