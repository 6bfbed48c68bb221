package msgpack

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// AppendJSON appends the JSON of the MessagePack value b to dst: bin as base64,
// dates as ISO strings, members that are undefined left out, NaN and infinities
// as null, strings made UTF-8, keys that are numbers, booleans or nil as their
// text. On an error dst comes back unchanged; the errors are ErrMalformed,
// ErrTooDeep, and ErrUnsupported for other keys and unknown extensions.
// It does not allocate when dst has room and no string needs a repair.
func AppendJSON(dst, b []byte) ([]byte, error) {
	if err := isOne(b); err != nil {
		return dst, err
	}
	out, _, err := appendJSON(dst, b)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// appendJSON appends the value at the head of b, which Skip has passed, and
// returns what follows.
func appendJSON(dst, b []byte) (out, rest []byte, err error) {
	h, size, err := readHead(b)
	if err != nil {
		return dst, b, err
	}
	b = b[size:]
	switch h.kind {
	case kindArray:
		return appendJSONArray(dst, b, h.n)
	case kindMap:
		return appendJSONMap(dst, b, h.n)
	}
	content, rest := b[:h.n], b[h.n:]
	switch h.kind {
	case kindNil, kindUndefined:
		dst = append(dst, "null"...)
	case kindBool:
		dst = strconv.AppendBool(dst, h.bits != 0)
	case kindUint:
		dst = strconv.AppendUint(dst, h.bits, 10)
	case kindInt:
		dst = strconv.AppendInt(dst, int64(h.bits), 10)
	case kindFloat:
		dst = jsonenc.AppendFloat(dst, h.float())
	case kindString:
		dst = jsonenc.AppendString(dst, content)
	case kindBinary:
		dst = append(base64.StdEncoding.AppendEncode(append(dst, '"'), content), '"')
	case kindTime:
		t, err := readTime(h, content)
		if err != nil {
			return dst, rest, err
		}
		dst = append(appendISO(append(dst, '"'), t), '"')
	default:
		return dst, rest, unknownExt(h)
	}
	return dst, rest, nil
}

func appendJSONArray(dst, b []byte, n int) (out, rest []byte, err error) {
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, b, err = appendJSON(dst, b); err != nil {
			return dst, b, err
		}
	}
	return append(dst, ']'), b, nil
}

func appendJSONMap(dst, b []byte, n int) (out, rest []byte, err error) {
	dst = append(dst, '{')
	first := true
	for range n {
		key, size, err := readKey(b)
		if err != nil {
			return dst, b, err
		}
		b = b[size:]
		if h, size, _ := readHead(b); h.kind == kindUndefined {
			b = b[size:]
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(jsonenc.AppendString(dst, key), ':')
		if dst, b, err = appendJSON(dst, b); err != nil {
			return dst, b, err
		}
	}
	return append(dst, '}'), b, nil
}

// readKey returns the text that JavaScript makes of the map key at the head of
// b, and the key's size. The text of a string is not copied and may be ill-formed.
func readKey(b []byte) (key []byte, size int, err error) {
	h, size, err := readHead(b)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case h.kind == kindString:
		return b[size : size+h.n], size + h.n, nil
	case h.isNumber():
		return appendNumberText(nil, h), size, nil
	case h.kind == kindBool:
		return strconv.AppendBool(nil, h.bits != 0), size, nil
	case h.kind == kindNil:
		return []byte("null"), size, nil
	default:
		return nil, 0, fmt.Errorf("%w: %s as a map key", ErrUnsupported, h.kind)
	}
}

// appendISO appends t as JavaScript prints dates, or finer where t is.
func appendISO(dst []byte, t time.Time) []byte {
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		return t.AppendFormat(dst, time.RFC3339Nano)
	}
	return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
}

func unknownExt(h head) error { return fmt.Errorf("%w: extension %d", ErrUnsupported, h.ext) }
