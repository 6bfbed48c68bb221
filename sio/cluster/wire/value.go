package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/codec/socketio"
)

// ErrInvalid is returned for bytes that are not the expected message or value.
var ErrInvalid = errors.New("wire: invalid message")

func invalid(what string) error { return fmt.Errorf("%w: %s", ErrInvalid, what) }

// Value is a JSON or MessagePack value that was not decoded yet. It refers to
// the bytes of the message, and so do raw JSON arguments that are made of it;
// these bytes must never change. The zero value is an absent value, which is
// treated like null. Immutable.
type Value struct {
	raw []byte
	mp  bool // MessagePack, else JSON
}

// Parse checks that b is one value, JSON if it starts with a brace, else
// MessagePack. Ownership of b transfers.
func Parse(b []byte) (Value, error) {
	if len(b) > 0 && b[0] == '{' {
		return ParseJSON(b)
	}
	n, err := msgpack.Skip(b)
	if err == nil && n != len(b) {
		err = invalid("bytes after the end")
	}
	return Value{b, true}, err
}

// ParseJSON checks that b is one JSON value. Ownership of b transfers.
func ParseJSON(b []byte) (Value, error) {
	if !jsonenc.Valid(b) {
		return Value{}, jsonenc.ErrSyntax
	}
	return Value{raw: jsonenc.TrimSpace(b)}, nil
}

// IsNull reports whether v is absent, null or undefined.
func (v Value) IsNull() bool {
	if v.mp {
		return msgpack.IsNull(v.raw)
	}
	return len(v.raw) == 0 || v.raw[0] == 'n'
}

// Members calls f with the members of a map, in order, until it fails. Null has
// none. Keys that are not strings are skipped.
func (v Value) Members(f func(key string, v Value) error) error {
	switch {
	case v.IsNull():
		return nil
	case v.mp:
		members, err := msgpack.SplitMap(v.raw)
		if err != nil {
			return invalid("not a map")
		}
		for key, raw, ok := members.Next(); ok; key, raw, ok = members.Next() {
			if key == nil {
				continue
			}
			if err := f(keyText(key), Value{raw, true}); err != nil {
				return err
			}
		}
		return nil
	case v.raw[0] != '{':
		return invalid("not an object")
	}
	for rest := next(v.raw[1:]); rest[0] == '"'; {
		key, n := member(rest)
		rest = rest[n:]
		n, err := jsonenc.Skip(rest)
		if err != nil {
			return err
		}
		if err := f(key, Value{raw: jsonenc.TrimSpace(rest[:n:n])}); err != nil {
			return err
		}
		rest = next(rest[n:])
	}
	return nil
}

// next skips white space, and a comma before it, in JSON that is known to be
// valid.
func next(b []byte) []byte {
	for b[0] == ' ' || b[0] == '\n' || b[0] == '\r' || b[0] == '\t' || b[0] == ',' {
		b = b[1:]
	}
	return b
}

// member reads a key and the colon after it; n is their length.
func member(b []byte) (key string, n int) {
	n, _ = jsonenc.Skip(b)
	literal := b[:n]
	if bytes.IndexByte(literal, '\\') < 0 {
		key = keyText(literal[1 : n-1])
	} else {
		text, _, _ := jsonenc.AppendUnquoted(nil, literal)
		key = keyText(text)
	}
	return key, n + bytes.IndexByte(b[n:], ':') + 1
}

// keyText returns a key as a string, without an allocation for known keys.
func keyText(b []byte) string {
	switch string(b) {
	case "uid":
		return "uid"
	case "nsp":
		return "nsp"
	case "type":
		return "type"
	case "data":
		return "data"
	case "packet":
		return "packet"
	case "opts":
		return "opts"
	case "rooms":
		return "rooms"
	case "except":
		return "except"
	case "flags":
		return "flags"
	case "requestId":
		return "requestId"
	}
	return string(b)
}

// Items returns the items of an array; none of null.
func (v Value) Items() (items []Value, err error) {
	err = v.each(func(item Value) error {
		items = append(items, item)
		return nil
	})
	return items, err
}

func (v Value) each(f func(item Value) error) error {
	switch {
	case v.IsNull():
		return nil
	case v.mp:
		list, err := msgpack.SplitAck(v.raw)
		if err != nil {
			return invalid("not an array")
		}
		for raw, ok := list.Next(); ok; raw, ok = list.Next() {
			if err := f(Value{raw, true}); err != nil {
				return err
			}
		}
		return nil
	}
	list, err := socketio.SplitAck(v.raw)
	if err != nil {
		return invalid("not an array")
	}
	for raw, ok := list.Next(); ok; raw, ok = list.Next() {
		if err := f(Value{raw: raw}); err != nil {
			return err
		}
	}
	return nil
}

// Text returns a string; "" of null. A string that is not Unicode, as
// JavaScript's may be, becomes one that is not UTF-8, so that it equals no
// other name.
func (v Value) Text() (s string, err error) {
	switch {
	case v.IsNull():
	case v.mp:
		err = msgpack.DecodeValue(v.raw, &s)
	default:
		err = jsonenc.Unmarshal(v.raw, &s)
	}
	if strings.Contains(s, "\uFFFD") && !v.wellFormed() {
		s = "\xff" + s
	}
	return s, err
}

func (v Value) wellFormed() bool {
	if v.mp {
		return msgpack.WellFormed(v.raw)
	}
	return jsonenc.WellFormed(v.raw)
}

// Texts returns an array of strings, numbers as their text; nil of null.
func (v Value) Texts() (list []string, err error) {
	err = v.each(func(item Value) error {
		s, err := item.Text()
		if err != nil {
			f, ok := item.number()
			if !ok {
				return invalid("not a string")
			}
			s = string(jsonenc.AppendFloat(nil, f))
		} else if item.IsNull() {
			return invalid("null among strings")
		}
		list = append(list, s)
		return nil
	})
	return list, err
}

// number returns a number; false if v is none.
func (v Value) number() (f float64, ok bool) {
	if v.IsNull() {
		return 0, false
	}
	if v.mp {
		err := msgpack.DecodeValue(v.raw, &f)
		return f, err == nil
	}
	f, err := strconv.ParseFloat(string(v.raw), 64)
	return f, err == nil
}

// maxInt bounds what Int returns: as large as a timer of JavaScript.
const maxInt = 1<<31 - 1

// Int returns a number as a whole one, the nearest of 0 to 2^31-1; 0 of null.
func (v Value) Int() (int, error) {
	f, ok := v.number()
	switch {
	case v.IsNull():
		return 0, nil
	case !ok:
		return 0, invalid("not a number")
	case !(f > 0):
		return 0, nil
	}
	return int(min(f, maxInt)), nil
}

// Is reports whether v is the boolean want.
func (v Value) Is(want bool) bool {
	if !v.mp {
		return len(v.raw) > 0 && string(v.raw) == strconv.FormatBool(want)
	}
	var is bool
	return !v.IsNull() && msgpack.DecodeValue(v.raw, &is) == nil && is == want
}
