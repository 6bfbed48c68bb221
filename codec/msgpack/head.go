package msgpack

import (
	"encoding/binary"
	"math"
)

// The first bytes of values that are not fixints, fixstrs, fixarrays or fixmaps
// (MessagePack specification, "Formats").
const (
	codeNil      = 0xc0
	codeFalse    = 0xc2
	codeTrue     = 0xc3
	codeBin8     = 0xc4
	codeBin32    = 0xc6
	codeExt8     = 0xc7
	codeExt32    = 0xc9
	codeFloat32  = 0xca
	codeFloat64  = 0xcb
	codeUint8    = 0xcc
	codeUint16   = 0xcd
	codeUint32   = 0xce
	codeUint64   = 0xcf
	codeInt8     = 0xd0
	codeInt16    = 0xd1
	codeInt32    = 0xd2
	codeInt64    = 0xd3
	codeFixExt1  = 0xd4
	codeFixExt4  = 0xd6
	codeFixExt8  = 0xd7
	codeFixExt16 = 0xd8
	codeStr8     = 0xd9
	codeStr32    = 0xdb
	codeArray16  = 0xdc
	codeArray32  = 0xdd
	codeMap16    = 0xde
	codeMap32    = 0xdf
)

// The extension types with a meaning here. Type 0 is notepack's own: undefined
// as fixext 1, a date as fixext 8, an ArrayBuffer as ext 8, 16 or 32.
const (
	extNotepack  = 0
	extTimestamp = -1
)

// kind is what a value is, whatever its form.
type kind uint8

const (
	kindNil kind = iota
	kindUndefined
	kindBool
	kindUint
	kindInt // below 0
	kindFloat
	kindString
	kindBinary
	kindTime
	kindExt
	kindArray
	kindMap
)

var kindNames = [...]string{
	"nil", "undefined", "a boolean", "a number", "a number", "a number",
	"a string", "binary data", "a date", "an extension", "an array", "a map",
}

func (k kind) String() string { return kindNames[k] }

// head is a value up to its content.
type head struct {
	kind kind
	ext  int8   // the type of a kindTime or a kindExt
	n    int    // the bytes of the content, or the items of an array, or the pairs of a map
	bits uint64 // a bool, a number as uint64, as int64 or as the bits of a float64
}

// readHead reads the head of the value that b starts with and its size. What
// the head announces is in b as far as the head shows: all bytes of a content,
// and at least a byte for each item.
func readHead(b []byte) (h head, size int, err error) {
	if len(b) == 0 {
		return h, 0, ErrMalformed
	}
	switch c := b[0]; {
	case c < 0x80:
		return head{kind: kindUint, bits: uint64(c)}, 1, nil
	case c < 0x90:
		return sized(b, kindMap, uint64(c&0x0f), 1)
	case c < 0xa0:
		return sized(b, kindArray, uint64(c&0x0f), 1)
	case c < 0xc0:
		return sized(b, kindString, uint64(c&0x1f), 1)
	case c >= 0xe0:
		return integer(int64(int8(c))), 1, nil
	case c == codeNil:
		return head{kind: kindNil}, 1, nil
	case c == codeFalse || c == codeTrue:
		return head{kind: kindBool, bits: uint64(c & 1)}, 1, nil
	case c >= codeBin8 && c <= codeBin32:
		return readSized(b, kindBinary, 1<<(c-codeBin8))
	case c >= codeExt8 && c <= codeExt32:
		return readExt(b, 1<<(c-codeExt8))
	case c >= codeFloat32 && c <= codeInt64:
		return readNumber(b)
	case c >= codeFixExt1 && c <= codeFixExt16:
		return readFixExt(b)
	case c >= codeStr8 && c <= codeStr32:
		return readSized(b, kindString, 1<<(c-codeStr8))
	case c == codeArray16 || c == codeArray32:
		return readSized(b, kindArray, 2<<(c-codeArray16))
	case c == codeMap16 || c == codeMap32:
		return readSized(b, kindMap, 2<<(c-codeMap16))
	}
	return h, 0, ErrMalformed
}

// sized completes the head of size bytes of a value with n bytes or items.
func sized(b []byte, k kind, n uint64, size int) (head, int, error) {
	room := uint64(len(b) - size)
	if k == kindMap {
		room /= 2
	}
	if n > room {
		return head{}, 0, ErrMalformed
	}
	return head{kind: k, n: int(n)}, size, nil
}

// readSized reads a head whose length has width bytes.
func readSized(b []byte, k kind, width int) (head, int, error) {
	n, ok := readUint(b[1:], width)
	if !ok {
		return head{}, 0, ErrMalformed
	}
	return sized(b, k, n, 1+width)
}

func readExt(b []byte, width int) (head, int, error) {
	n, ok := readUint(b[1:], width)
	if !ok || len(b) < width+2 {
		return head{}, 0, ErrMalformed
	}
	h, size, err := sized(b, kindExt, n, width+2)
	h.ext = int8(b[width+1])
	switch {
	case err != nil:
	case h.ext == extNotepack:
		h.kind = kindBinary
	case h.ext == extTimestamp && h.n == 12:
		h.kind = kindTime
	}
	return h, size, err
}

func readFixExt(b []byte) (head, int, error) {
	if len(b) < 2 {
		return head{}, 0, ErrMalformed
	}
	h, size, err := sized(b, kindExt, 1<<(b[0]-codeFixExt1), 2)
	if err != nil {
		return h, 0, err
	}
	h.ext = int8(b[1])
	switch {
	case b[0] == codeFixExt1 && h.ext == extNotepack:
		return head{kind: kindUndefined}, 3, nil
	case b[0] == codeFixExt8 && h.ext == extNotepack, (b[0] == codeFixExt4 || b[0] == codeFixExt8) && h.ext == extTimestamp:
		h.kind = kindTime
	}
	return h, size, nil
}

func readNumber(b []byte) (head, int, error) {
	width := 1 << ((b[0] - codeUint8) & 3)
	if b[0] < codeUint8 {
		width = 4 << (b[0] - codeFloat32)
	}
	u, ok := readUint(b[1:], width)
	if !ok {
		return head{}, 0, ErrMalformed
	}
	var h head
	switch b[0] {
	case codeFloat32:
		h = head{kind: kindFloat, bits: math.Float64bits(float64(math.Float32frombits(uint32(u))))}
	case codeFloat64:
		h = head{kind: kindFloat, bits: u}
	case codeInt8:
		h = integer(int64(int8(u)))
	case codeInt16:
		h = integer(int64(int16(u)))
	case codeInt32:
		h = integer(int64(int32(u)))
	case codeInt64:
		h = integer(int64(u))
	default:
		h = head{kind: kindUint, bits: u}
	}
	return h, 1 + width, nil
}

func integer(i int64) head {
	if i < 0 {
		return head{kind: kindInt, bits: uint64(i)}
	}
	return head{kind: kindUint, bits: uint64(i)}
}

// readUint reads a number of 1, 2, 4 or 8 bytes; false if b is shorter.
func readUint(b []byte, width int) (uint64, bool) {
	if len(b) < width {
		return 0, false
	}
	switch width {
	case 1:
		return uint64(b[0]), true
	case 2:
		return uint64(binary.BigEndian.Uint16(b)), true
	case 4:
		return uint64(binary.BigEndian.Uint32(b)), true
	default:
		return binary.BigEndian.Uint64(b), true
	}
}

// float returns the number h as a float64, rounded if need be.
func (h head) float() float64 {
	switch h.kind {
	case kindUint:
		return float64(h.bits)
	case kindInt:
		return float64(int64(h.bits))
	default:
		return math.Float64frombits(h.bits)
	}
}

// whole turns a float without a fraction that 64 bits can hold into an integer.
func (h head) whole() head {
	if h.kind != kindFloat {
		return h
	}
	f := math.Float64frombits(h.bits)
	switch {
	case f != math.Trunc(f) || f < -1<<63 || f >= 1<<64: // NaN is unlike itself
		return h
	case f < 0:
		return integer(int64(f))
	default:
		return head{kind: kindUint, bits: uint64(f)}
	}
}

func (h head) isNumber() bool { return h.kind >= kindUint && h.kind <= kindFloat }

func (h head) isNull() bool { return h.kind <= kindUndefined }
