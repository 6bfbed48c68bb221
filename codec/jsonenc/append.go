package jsonenc

import (
	"bytes"
	"encoding/json"
	"strconv"
	"sync"
	"unicode/utf8"
)

// target holds the slice that encodeInto appends to: a pointer to a local one
// would move it to the heap on each call.
type target struct{ b []byte }

var targets = sync.Pool{New: func() any { return new(target) }}

// Append appends v to dst as JSON.stringify prints it: no escapes for HTML or
// U+2028, NaN and infinities as null, -0 as 0, 1e21 as 1e+21, bytes that are
// not UTF-8 as U+FFFD. Struct fields keep their order, map keys are sorted, and
// otherwise v is read as encoding/json reads it. A json.RawMessage is checked
// and goes out as it is, nil as null.
//
// Strings, numbers, booleans, nil and json.RawMessage do not allocate when dst
// has room. On an error, which is a [*PanicError] for a panic of v's own
// methods, dst comes back unchanged.
func Append(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case string:
		return AppendString(dst, v), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int8:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int16:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int32:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case uint:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case uint8:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case uint16:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case uint32:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case uint64:
		return strconv.AppendUint(dst, v, 10), nil
	case float32:
		return appendFloat(dst, float64(v), 32), nil
	case float64:
		return appendFloat(dst, v, 64), nil
	case json.RawMessage:
		return appendRaw(dst, v)
	}
	return appendOther(dst, v)
}

func appendRaw(dst []byte, raw json.RawMessage) ([]byte, error) {
	if raw == nil {
		return append(dst, "null"...), nil
	}
	n, err := Skip(raw)
	if err != nil {
		return dst, err
	}
	if skipSpace(raw, n) != len(raw) {
		return dst, ErrSyntax
	}
	return appendValid(dst, []byte(raw)), nil
}

// appendOther appends what Append does not handle itself.
func appendOther(dst []byte, v any) (out []byte, err error) {
	defer Rescue(&err) // then t is not used again
	out = dst
	t := targets.Get().(*target)
	t.b = dst
	err = encodeInto(&t.b, v)
	b := t.b
	t.b = nil
	targets.Put(t)
	if err != nil {
		return dst, err
	}
	start := len(dst)
	if added := b[start:]; len(added) > MaxDepth && tooDeep(added) {
		return dst, ErrTooDeep // by what the value's own methods have returned
	}
	if added := b[start:]; !utf8.Valid(added) {
		b = appendValid(dst, bytes.Clone(added))
	}
	if added := b[start:]; bytes.Contains(added, []byte("-0")) {
		b = b[:start+len(dropZeroSigns(added))]
	}
	return b, nil
}

// tooDeep reports whether valid JSON is nested deeper than MaxDepth.
func tooDeep(b []byte) bool {
	if bytes.Count(b, []byte{'['})+bytes.Count(b, []byte{'{'}) <= MaxDepth {
		return false
	}
	_, err := Skip(b)
	return err == ErrTooDeep
}
