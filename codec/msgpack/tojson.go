package msgpack

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/socketio"
)

// AppendJSON appends the JSON of the MessagePack value b to dst: bin as base64,
// dates as ISO strings, members that are undefined left out, NaN and infinities
// as null, strings made UTF-8, keys that are numbers, booleans or nil as their
// text. On an error dst comes back unchanged; the errors are ErrMalformed,
// ErrTooDeep, and ErrUnsupported for other keys, unknown extensions and dates
// outside the years 0 to 9999.
// It does not allocate when dst has room and no string needs a repair.
func AppendJSON(dst, b []byte) ([]byte, error) {
	if err := isOne(b); err != nil {
		return dst, err
	}
	w := jsonWriter{b: dst}
	if _, err := w.value(b); err != nil {
		return dst, err
	}
	return w.b, nil
}

// Arg returns the raw value as an argument for other encoders: a []byte for
// bin, a socketio.RawArg when JSON with attachments says all of it, else what
// DecodeValue makes of it, because of a date, NaN or an infinity in it. The
// argument refers to b. The errors are those of DecodeValue.
func Arg(b []byte) (any, error) {
	if err := isOne(b); err != nil {
		return nil, err
	}
	if h, size, _ := readHead(b); h.kind == kindBinary {
		return b[size:], nil
	}
	if !isJSON(b, true) {
		value, _, err := decodeAny(b)
		return value, err
	}
	w := jsonWriter{attach: true}
	if _, err := w.value(b); err != nil {
		return nil, err
	}
	return socketio.NewRawArg(w.b, w.attachments), nil
}

// jsonWriter appends JSON to b.
type jsonWriter struct {
	b           []byte
	attach      bool // binary values go to attachments, else they are base64
	attachments [][]byte
}

// value appends the value at the head of b, which Skip has passed, and returns
// what follows.
func (w *jsonWriter) value(b []byte) (rest []byte, err error) {
	h, size, err := readHead(b)
	if err != nil {
		return b, err
	}
	b = b[size:]
	switch h.kind {
	case kindArray:
		return w.array(b, h.n)
	case kindMap:
		return w.mapping(b, h.n)
	}
	content, rest := b[:h.n:h.n], b[h.n:]
	switch h.kind {
	case kindNil, kindUndefined:
		w.b = append(w.b, "null"...)
	case kindBool:
		w.b = strconv.AppendBool(w.b, h.bits != 0)
	case kindUint:
		w.b = strconv.AppendUint(w.b, h.bits, 10)
	case kindInt:
		w.b = strconv.AppendInt(w.b, int64(h.bits), 10)
	case kindFloat:
		w.b = jsonenc.AppendFloat(w.b, h.float())
	case kindString:
		w.b = jsonenc.AppendString(w.b, content)
	case kindBinary:
		w.binary(content)
	case kindTime:
		t, err := readTime(h, content)
		if err != nil {
			return rest, err
		}
		w.b = append(appendISO(append(w.b, '"'), t), '"')
	default:
		return rest, unknownExt(h)
	}
	return rest, nil
}

func (w *jsonWriter) binary(content []byte) {
	if w.attach {
		w.b = socketio.AppendPlaceholder(w.b, len(w.attachments))
		w.attachments = append(w.attachments, content)
		return
	}
	w.b = append(base64.StdEncoding.AppendEncode(append(w.b, '"'), content), '"')
}

func (w *jsonWriter) array(b []byte, n int) (rest []byte, err error) {
	w.b = append(w.b, '[')
	for i := range n {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		if b, err = w.value(b); err != nil {
			return b, err
		}
	}
	w.b = append(w.b, ']')
	return b, nil
}

func (w *jsonWriter) mapping(b []byte, n int) (rest []byte, err error) {
	w.b = append(w.b, '{')
	first := true
	for range n {
		key, size, err := readKey(b)
		if err != nil {
			return b, err
		}
		b = b[size:]
		if h, size, _ := readHead(b); h.kind == kindUndefined {
			b = b[size:]
			continue
		}
		if !first {
			w.b = append(w.b, ',')
		}
		first = false
		w.b = append(jsonenc.AppendString(w.b, key), ':')
		if b, err = w.value(b); err != nil {
			return b, err
		}
	}
	w.b = append(w.b, '}')
	return b, nil
}

// readKey returns the text that JavaScript makes of the map key at the head of
// b, and the key's size. The text of a string is not copied and may be
// ill-formed.
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
