package msgpack

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// DecodeValue decodes the MessagePack value b into v, a pointer, by the rules
// of encoding/json: "json" tags, names that differ in case, the last of
// duplicate keys. It is what handlers' arguments are decoded with. Besides:
//
//   - Into an empty interface come nil, bool, float64 for every number, string,
//     []byte, time.Time, []any and map[string]any.
//   - nil is JSON's null. So is undefined, but as a member of a map it is
//     absent.
//   - Bin and notepack's ArrayBuffer go into slices of bytes, as do strings of
//     base64 inside of other values, not b itself; all forms of dates go into a
//     time.Time, which is in UTC, as do ISO strings. A date outside the years 0
//     to 9999 is ErrUnsupported: neither JSON nor AppendValue has a form for
//     it.
//   - Floats without a fraction fit into integers.
//   - A json.RawMessage and what has an UnmarshalJSON gets the JSON of
//     AppendJSON, what has an UnmarshalText gets strings and dates.
//   - Keys of maps that are numbers, booleans or nil are their text.
//
// b is borrowed until return, neither the result nor an error points into it.
// Memory is taken in proportion to b only. On an error v may be partly filled.
// The errors are ErrMalformed, ErrTooDeep, ErrMismatch, ErrUnsupported and
// those of v's own methods.
func DecodeValue(b []byte, v any) error {
	if err := isOne(b); err != nil {
		return err
	}
	switch v := v.(type) {
	case *string:
		if s, ok := text(b); ok && v != nil {
			*v = string(s)
			return nil
		}
	case *any:
		if v != nil && *v == nil {
			value, _, err := decodeAny(b)
			*v = value
			return err
		}
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return errors.New("msgpack: DecodeValue needs a pointer that is not nil")
	}
	if h, _, _ := readHead(b); h.kind == kindString {
		t := rv.Type()
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if formsOf(t).decode == formBinary {
			return fmt.Errorf("%w: %s into %s", ErrMismatch, h.kind, t)
		}
	}
	_, err := decode(b, rv.Elem())
	return err
}

// decode decodes the value at the head of b, which Skip has passed, into v, and
// returns what follows.
func decode(b []byte, v reflect.Value) (rest []byte, err error) {
	h, size, err := readHead(b)
	if err != nil {
		return b, err
	}
	t := v.Type()
	as := formsOf(t).decode
	switch {
	case as == formRaw || as == formJSON:
		return decodeWhole(b, v, as)
	case h.isNull():
		switch t.Kind() {
		case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
			v.SetZero()
		}
		return b[size:], nil
	case t.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(t.Elem()))
		}
		return decode(b, v.Elem())
	case t.Kind() == reflect.Interface:
		return decodeInterface(b, v)
	case h.kind >= kindArray && (as == formText || as == formTime):
		return b, mismatch(h.kind, v)
	case h.kind == kindArray:
		return decodeArray(b[size:], h.n, v)
	case h.kind == kindMap:
		return decodeMap(b[size:], h.n, v)
	}
	content, rest := b[size:size+h.n], b[size+h.n:]
	return rest, decodeScalar(h, content, v, as)
}

// decodeWhole decodes into a type that takes the raw value or its JSON.
func decodeWhole(b []byte, v reflect.Value, as form) (rest []byte, err error) {
	n, err := Skip(b)
	if err != nil {
		return b, err
	}
	raw, rest := b[:n], b[n:]
	if as == formRaw {
		v.SetBytes(append(Raw(nil), raw...))
		return rest, nil
	}
	if h, _, _ := readHead(raw); h.isNull() && v.Kind() == reflect.Pointer {
		v.SetZero()
		return rest, nil
	}
	text, err := AppendJSON(nil, raw)
	if err != nil {
		return rest, err
	}
	return rest, v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(text)
}

func decodeInterface(b []byte, v reflect.Value) (rest []byte, err error) {
	if target := v.Elem(); target.Kind() == reflect.Pointer && !target.IsNil() {
		return decode(b, target.Elem())
	}
	value, rest, err := decodeAny(b)
	if err != nil {
		return rest, err
	}
	if v.NumMethod() > 0 {
		return rest, fmt.Errorf("%w: %T into %s", ErrMismatch, value, v.Type())
	}
	v.Set(reflect.ValueOf(value))
	return rest, nil
}

func decodeAny(b []byte) (value any, rest []byte, err error) {
	h, size, err := readHead(b)
	if err != nil {
		return nil, b, err
	}
	b = b[size:]
	switch h.kind {
	case kindArray:
		list := make([]any, h.n)
		for i := range list {
			if list[i], b, err = decodeAny(b); err != nil {
				return nil, b, err
			}
		}
		return list, b, nil
	case kindMap:
		return decodeAnyMap(b, h.n)
	}
	content, rest := b[:h.n], b[h.n:]
	switch h.kind {
	case kindNil, kindUndefined:
		return nil, rest, nil
	case kindBool:
		return h.bits != 0, rest, nil
	case kindString:
		return validText(content), rest, nil
	case kindBinary:
		return append([]byte{}, content...), rest, nil
	case kindTime:
		value, err := readTime(h, content)
		return value, rest, err
	case kindExt:
		return nil, rest, unknownExt(h)
	default:
		return h.float(), rest, nil
	}
}

func decodeAnyMap(b []byte, n int) (value any, rest []byte, err error) {
	m := make(map[string]any, n)
	for range n {
		key, size, err := readKey(b)
		if err != nil {
			return nil, b, err
		}
		b = b[size:]
		if h, size, _ := readHead(b); h.kind == kindUndefined {
			b = b[size:]
			continue
		}
		if m[validText(key)], b, err = decodeAny(b); err != nil {
			return nil, b, err
		}
	}
	return m, b, nil
}

// decodeScalar decodes a value that is neither null nor a container.
func decodeScalar(h head, content []byte, v reflect.Value, as form) error {
	switch {
	case as == formTime && h.kind == kindTime:
		t, err := readTime(h, content)
		v.Set(reflect.ValueOf(t))
		return err
	case as == formTime && h.kind == kindString:
		if v.Addr().Interface().(*time.Time).UnmarshalText(content) != nil { // its error has the whole string
			return fmt.Errorf("%w: string into %s", ErrMismatch, v.Type())
		}
		return nil
	case as == formText && h.kind == kindString:
		return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(validText(content)))
	case as == formText && h.kind == kindTime:
		t, err := readTime(h, content)
		if err != nil {
			return err
		}
		return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(appendISO(nil, t))
	case as == formNumber && h.isNumber():
		return decodeNumber(h, v)
	case as == formNumber && h.kind == kindString && !isNumberLiteral(string(content)):
		return fmt.Errorf("%w: string into %s", ErrMismatch, v.Type())
	case as == formBinary && h.kind == kindBinary:
		v.SetBytes(append([]byte{}, content...))
		return nil
	case as == formBinary && h.kind == kindString:
		return decodeBase64(content, v)
	case as != formText && as != formTime && decodeBasic(h, content, v):
		return nil
	case h.kind == kindExt:
		return unknownExt(h)
	}
	return mismatch(h.kind, v)
}

func mismatch(k kind, v reflect.Value) error {
	return fmt.Errorf("%w: %s into %s", ErrMismatch, k, v.Type())
}

// decodeQuoted decodes into a field whose tag has the option "string": the
// string has the field's JSON in it.
func decodeQuoted(b []byte, v reflect.Value) (rest []byte, err error) {
	h, size, err := readHead(b)
	if err != nil || h.isNull() {
		return decode(b, v)
	}
	if h.kind != kindString {
		return b, mismatch(h.kind, v)
	}
	return b[size+h.n:], jsonenc.Unmarshal(b[size:size+h.n], v.Addr().Interface())
}
