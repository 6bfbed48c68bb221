package wsframe

import (
	"encoding/binary"
	"math"

	"github.com/gobwas/ws"
)

// maxClientHeader is the length in bytes of the longest header of a masked
// frame.
const maxClientHeader = ws.MaxHeaderSize

func isControl(first byte) bool { return ws.OpCode(first & opBits).IsControl() }

// parseHeader parses a frame header at the start of b (RFC 6455 section 5.2)
// and makes it the current frame. size is its length; 0 when b is too short,
// and then nothing has changed. A violation is found as soon as its byte has
// come.
//
// ws.ReadHeaderBuffer and ws.CheckHeader over the same bytes take 2 to 3 times
// as long (119 against 57 ns for a length of 7 bits, 114 against 34 for one of
// 16, go test -bench ParseHeader), and CheckHeader alone adds a quarter or
// more: each message that is received pays for this. They also read a header
// only when it is whole, and with an extension they let all reserved bits pass.
func (r *Reader) parseHeader(b []byte, lim *Limits) (size int, err error) {
	first := b[0]
	if !r.admits(first, lim) {
		return 0, ErrProtocol
	}
	if len(b) < 2 {
		return 0, nil
	}
	short := b[1] &^ maskBit
	if b[1]&maskBit == 0 || isControl(first) && short > MaxControl {
		return 0, ErrProtocol
	}
	size = 6
	switch short {
	case len16:
		size = 8
	case len64:
		size = 14
	}
	if len(b) < size {
		return 0, nil
	}
	length := uint64(short)
	switch short {
	case len16:
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case len64:
		length = binary.BigEndian.Uint64(b[2:])
	}
	if length > math.MaxInt64 {
		return 0, ErrProtocol
	}
	if !isControl(first) {
		most := int64(math.MaxInt)
		if lim.Message > 0 {
			most = lim.Message
		}
		if r.message > 0 || first&finBit == 0 {
			most = min(most, math.MaxUint32)
		}
		if int64(length) > most-int64(r.message) {
			return 0, ErrTooBig
		}
		if r.opening == 0 {
			r.opening = first
		}
	}
	if r.opening != 0 {
		r.frames++
		if lim.Frames > 0 && r.frames > lim.Frames {
			return 0, ErrFragments
		}
	}
	r.first, r.left, r.mask = first, int64(length), [4]byte(b[size-4:size])
	return size, nil
}

// admits reports whether first, the first byte of a frame, is allowed here: its
// final bit, reserved bits and opcode.
func (r *Reader) admits(first byte, lim *Limits) bool {
	switch op := ws.OpCode(first & opBits); op {
	case ws.OpText, ws.OpBinary:
		rsv := first & rsvBits
		return r.opening == 0 && (rsv == 0 || rsv == rsv1Bit && lim.RSV1)
	case ws.OpContinuation:
		return r.opening != 0 && first&rsvBits == 0
	case ws.OpClose, ws.OpPing, ws.OpPong:
		return first&(finBit|rsvBits) == finBit
	}
	return false
}
