package wsframe

import (
	"encoding/binary"
	"math"

	"github.com/gobwas/ws"
)

// maxClientHeader is the longest header of a masked frame in bytes.
const maxClientHeader = ws.MaxHeaderSize

func isControl(first byte) bool { return ws.OpCode(first & opBits).IsControl() }

// parseHeader parses a frame header at the start of b (RFC 6455 section 5.2) and makes it the current frame. size is
// its length; 0 when b is too short, and then nothing has changed. A violation is found as soon as its byte is there.
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

// admits judges the first byte of a frame: final bit, reserved bits and opcode, in the place where it stands.
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
