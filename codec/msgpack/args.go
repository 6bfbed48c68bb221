package msgpack

import (
	"math"
	"strconv"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// RawArgs are the arguments of an event or an ack, still raw MessagePack and
// split only when asked for. It borrows from the packet. The zero value has
// none. Nothing here allocates.
type RawArgs struct {
	rest []byte
	n    int
}

// SplitEvent takes the name off the data of an event. It is borrowed from data;
// a number gives the text that JavaScript has for it. Without data, which
// ParsePacket does not let through, name is nil; the empty name is not nil.
// data must have passed ParsePacket, else the error may be ErrInvalidPayload.
func SplitEvent(data []byte) (name []byte, args RawArgs, err error) {
	if data == nil {
		return nil, RawArgs{}, nil
	}
	items, err := SplitAck(data)
	if err != nil {
		return nil, RawArgs{}, err
	}
	first, ok := items.Next()
	if !ok {
		return nil, RawArgs{}, ErrInvalidPayload
	}
	if name, ok = text(first); ok {
		return name, items, nil
	}
	h, _, err := readHead(first)
	if err != nil || !h.isNumber() {
		return nil, RawArgs{}, ErrInvalidPayload
	}
	return appendNumberText(nil, h), items, nil
}

// SplitAck returns the arguments of an ack's data, or the items of any raw
// array, none when it is nil. The error is ErrInvalidPayload.
func SplitAck(data []byte) (RawArgs, error) {
	if data == nil {
		return RawArgs{}, nil
	}
	h, size, err := readHead(data)
	if err != nil || h.kind != kindArray {
		return RawArgs{}, ErrInvalidPayload
	}
	return RawArgs{rest: data[size:], n: h.n}, nil
}

// Next takes the first argument off a; false when none is left.
func (a *RawArgs) Next() ([]byte, bool) {
	if a.n == 0 {
		return nil, false
	}
	n, err := Skip(a.rest)
	if err != nil {
		*a = RawArgs{}
		return nil, false
	}
	arg := a.rest[:n:n]
	a.rest = a.rest[n:]
	a.n--
	return arg, true
}

// Len returns how many arguments are left.
func (a RawArgs) Len() int { return a.n }

// Arg returns the i-th of the arguments that are left, from 0 on. It takes a
// pass over those before it; to visit all, call Next.
func (a RawArgs) Arg(i int) ([]byte, bool) {
	for ; i > 0; i-- {
		if _, ok := a.Next(); !ok {
			return nil, false
		}
	}
	return a.Next()
}

// exactBits is how wide an integer may be for a double to hold it.
const exactBits = 53

// appendNumberText appends the text that JavaScript makes of a number.
func appendNumberText(dst []byte, h head) []byte {
	h = h.whole()
	f := h.float()
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case math.Abs(f) > 1<<exactBits || h.kind == kindFloat:
		return jsonenc.AppendFloat(dst, f)
	default:
		return strconv.AppendInt(dst, int64(h.bits), 10)
	}
}
