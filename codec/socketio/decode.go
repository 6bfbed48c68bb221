package socketio

import (
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"

	"github.com/sioserver/sioserver/codec/internal/jsontype"
	"github.com/sioserver/sioserver/codec/jsonenc"
)

var (
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// DecodeArg decodes one argument of a packet into v, a pointer. Without
// attachments, which is how events of the plain types come, it is
// jsonenc.Unmarshal. With them, every placeholder whose place in v takes a
// slice of bytes or an empty interface becomes the attachment that it names, at
// any depth; elsewhere, as in a json.RawMessage or a type with an
// UnmarshalJSON, it is the object that it is on the wire.
//
// raw is borrowed until return. The attachments are not copied: v refers to
// them afterwards, two placeholders of one number to the same memory, so they
// must not be pooled. Those that Reconstructor hands out are not.
//
// A string does not fit v if that is a slice of bytes, also if it looks like
// base64; inside of other values such strings are decoded, as encoding/json
// does.
//
// Errors are those of jsonenc.Unmarshal, ErrInvalidPayload and
// ErrIllegalAttachments. It is safe for concurrent use.
func DecodeArg(raw []byte, attachments [][]byte, v any) error {
	if len(raw) > 0 && raw[0] == '"' {
		if err := refuseText(v); err != nil {
			return err
		}
	}
	if len(attachments) == 0 {
		return jsonenc.Unmarshal(raw, v)
	}
	if p, ok := v.(*[]byte); ok && p != nil {
		if num, ok := canonicalPlaceholder(raw); ok && num < uint64(len(attachments)) {
			*p = owned(attachments[num])
			return nil
		}
	}
	found, err := findPlaceholders(raw, len(attachments))
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return jsonenc.Unmarshal(raw, v)
	}
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return &json.InvalidUnmarshalError{Type: reflect.TypeOf(v)}
	}
	d := argDecoder{scanner: scanner{raw: raw, found: found}, attachments: attachments}
	_, err = d.value(0, target.Elem())
	return err
}

// refuseText is the error of decoding a string into v, if v points to a slice
// of bytes that does not unmarshal itself.
func refuseText(v any) error {
	if _, ok := v.(*string); ok || v == nil {
		return nil
	}
	t := reflect.TypeOf(v)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Uint8 || !isBinary(t) {
		return nil
	}
	if p := reflect.PointerTo(t); p.Implements(unmarshalerType) || p.Implements(textUnmarshalerType) {
		return nil
	}
	return &json.UnmarshalTypeError{Value: "string", Type: t}
}

// owned cuts off the capacity, so that appending to one argument spares the
// others.
func owned(b []byte) []byte { return b[:len(b):len(b)] }

// argDecoder decodes the parts of an argument on the way to its placeholders;
// all other parts go to jsonenc whole. It passes over the JSON once, whatever
// its shape. scanner.found are the placeholders that are still ahead.
type argDecoder struct {
	scanner
	attachments [][]byte
}

// seek returns the index of the token at i or after it, and forgets the
// placeholders before that.
func (d *argDecoder) seek(i int) int {
	i = d.token(i)
	for len(d.found) > 0 && d.found[0].start < i {
		d.found = d.found[1:]
	}
	return i
}

// at reports whether a placeholder starts at i.
func (d *argDecoder) at(i int) bool { return len(d.found) > 0 && d.found[0].start == i }

// value decodes the value at i into v and returns the index after it.
func (d *argDecoder) value(i int, v reflect.Value) (end int, err error) {
	i = d.seek(i)
	t := v.Type()
	switch ptr := reflect.PointerTo(t); {
	case len(d.found) == 0 || ptr.Implements(unmarshalerType) || ptr.Implements(textUnmarshalerType):
		return d.leaf(i, v)
	case t.Kind() == reflect.Interface && t.NumMethod() == 0:
		value, end, err := d.untyped(i)
		v.Set(reflect.ValueOf(&value).Elem())
		return end, err
	case t.Kind() == reflect.Pointer && d.raw[i] != 'n':
		if v.IsNil() {
			v.Set(reflect.New(t.Elem()))
		}
		return d.value(i, v.Elem())
	case d.at(i) && t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		p := d.found[0]
		v.SetBytes(owned(d.attachments[p.num]))
		return p.end, nil
	case d.raw[i] == '[' && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array):
		return d.list(i, v)
	case d.raw[i] == '{' && !d.at(i) && t.Kind() == reflect.Map:
		return d.mapping(i, v)
	case d.raw[i] == '{' && !d.at(i) && t.Kind() == reflect.Struct:
		return d.structure(i, v)
	default:
		return d.leaf(i, v)
	}
}

func (d *argDecoder) leaf(i int, v reflect.Value) (int, error) {
	end := i + skipScalar(d.raw[i:])
	return end, jsonenc.Unmarshal(d.raw[i:end], v.Addr().Interface())
}

// untyped decodes the value at i to what an empty interface gets for it.
func (d *argDecoder) untyped(i int) (value any, end int, err error) {
	if i = d.seek(i); d.at(i) {
		p := d.found[0]
		return owned(d.attachments[p.num]), p.end, nil
	}
	switch {
	case len(d.found) > 0 && d.raw[i] == '[':
		items := []any{}
		for i = d.token(i + 1); d.raw[i] != ']'; i = d.token(i) {
			if value, i, err = d.untyped(i); err != nil {
				return nil, i, err
			}
			items = append(items, value)
		}
		return items, i + 1, nil
	case len(d.found) > 0 && d.raw[i] == '{':
		members := map[string]any{}
		for i = d.token(i + 1); d.raw[i] != '}'; i = d.token(i) {
			name, start := d.name(i)
			if value, i, err = d.untyped(start); err != nil {
				return nil, i, err
			}
			members[string(name)] = value
		}
		return members, i + 1, nil
	default:
		end = i + skipScalar(d.raw[i:])
		err = jsonenc.Unmarshal(d.raw[i:end], &value)
		return value, end, err
	}
}

func (d *argDecoder) list(i int, v reflect.Value) (end int, err error) {
	isSlice, n := v.Kind() == reflect.Slice, 0
	if isSlice {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
	for i = d.token(i + 1); d.raw[i] != ']'; i = d.token(i) {
		if isSlice {
			v.Grow(1)
			v.SetLen(n + 1)
		} else if n == v.Len() {
			i += skipScalar(d.raw[i:])
			continue
		}
		if i, err = d.value(i, v.Index(n)); err != nil {
			return i, err
		}
		n++
	}
	for ; n < v.Len(); n++ {
		v.Index(n).SetZero()
	}
	return i + 1, nil
}

func (d *argDecoder) mapping(i int, v reflect.Value) (end int, err error) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for i = d.token(i + 1); d.raw[i] != '}'; i = d.token(i) {
		name, start := d.name(i)
		key, err := mapKey(v.Type().Key(), string(name))
		if err != nil {
			return i, err
		}
		value := reflect.New(v.Type().Elem()).Elem()
		if i, err = d.value(start, value); err != nil {
			return i, err
		}
		v.SetMapIndex(key, value)
	}
	return i + 1, nil
}

func (d *argDecoder) structure(i int, v reflect.Value) (end int, err error) {
	known := jsontype.FieldsOf(v.Type())
	for i = d.token(i + 1); d.raw[i] != '}'; i = d.token(i) {
		name, start := d.name(i)
		f := known.Find(name)
		if f == nil {
			i = start + skipScalar(d.raw[start:])
			continue
		}
		target, ok := f.Ensure(v)
		if !ok {
			return i, errors.New("socketio: embedded pointer to an unexported struct in " + v.Type().String())
		}
		if f.Quoted {
			i, err = d.quoted(start, target)
		} else {
			i, err = d.value(start, target)
		}
		if err != nil {
			return i, err
		}
	}
	return i + 1, nil
}

// quoted decodes the JSON inside the string at i, or a null.
func (d *argDecoder) quoted(i int, v reflect.Value) (end int, err error) {
	end = i + skipScalar(d.raw[i:])
	text := d.raw[i:end]
	if string(text) != "null" {
		if text, _, err = jsonenc.AppendUnquoted(nil, text); err != nil {
			return end, err
		}
	}
	return end, jsonenc.Unmarshal(text, v.Addr().Interface())
}

// name returns the member's name at i and the index of its value.
func (d *argDecoder) name(i int) ([]byte, int) {
	text, n, _ := jsonenc.AppendUnquoted(nil, d.raw[i:])
	return text, d.token(i + n)
}

// mapKey makes a key of type t of a member's name.
func mapKey(t reflect.Type, name string) (reflect.Value, error) {
	key := reflect.New(t)
	if text, ok := key.Interface().(encoding.TextUnmarshaler); ok {
		return key.Elem(), text.UnmarshalText([]byte(name))
	}
	var err error
	switch key = key.Elem(); {
	case t.Kind() == reflect.String:
		key.SetString(name)
	case key.CanInt():
		var n int64
		n, err = strconv.ParseInt(name, 10, t.Bits())
		key.SetInt(n)
	case key.CanUint():
		var n uint64
		n, err = strconv.ParseUint(name, 10, t.Bits())
		key.SetUint(n)
	default:
		err = &json.UnmarshalTypeError{Value: "object", Type: t}
	}
	return key, err
}
