package msgpack

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"

	"github.com/sioserver/sioserver/codec/internal/jsontype"
)

// decodeArray decodes the n items at the head of b into v, a slice or an array.
// Items beyond an array's end are dropped, places without an item become zero.
func decodeArray(b []byte, n int, v reflect.Value) (rest []byte, err error) {
	switch v.Kind() {
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), n, n))
	case reflect.Array:
	default:
		return b, mismatch(kindArray, v)
	}
	for i := range n {
		if i < v.Len() {
			b, err = decode(b, v.Index(i))
		} else {
			b, err = drop(b)
		}
		if err != nil {
			return b, err
		}
	}
	for i := n; i < v.Len(); i++ {
		v.Index(i).SetZero()
	}
	return b, nil
}

// decodeMap decodes the n pairs at the head of b into v, a map or a struct.
func decodeMap(b []byte, n int, v reflect.Value) (rest []byte, err error) {
	var member func(key, value []byte, v reflect.Value) (rest []byte, err error)
	switch v.Kind() {
	case reflect.Struct:
		member = decodeField
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMapWithSize(v.Type(), n))
		}
		member = decodeMember
	default:
		return b, mismatch(kindMap, v)
	}
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
		if b, err = member(key, b, v); err != nil {
			return b, err
		}
	}
	return b, nil
}

func decodeField(key, b []byte, v reflect.Value) (rest []byte, err error) {
	f := jsontype.FieldsOf(v.Type()).Find(key)
	if f == nil {
		return drop(b)
	}
	value, ok := f.Ensure(v)
	if !ok {
		return b, fmt.Errorf("%w: field %s in a nil pointer to an unexported struct", ErrMismatch, f.Name)
	}
	if f.Quoted {
		return decodeQuoted(b, value)
	}
	return decode(b, value)
}

func decodeMember(key, b []byte, v reflect.Value) (rest []byte, err error) {
	t := v.Type()
	k := reflect.New(t.Key()).Elem()
	if err = setKey(k, validText(key)); err != nil {
		return b, err
	}
	value := reflect.New(t.Elem()).Elem()
	if rest, err = decode(b, value); err != nil {
		return rest, err
	}
	v.SetMapIndex(k, value)
	return rest, nil
}

// setKey sets k, a new map key, to what its text says.
func setKey(k reflect.Value, text string) error {
	if u, ok := k.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch {
	case k.Kind() == reflect.String:
		k.SetString(text)
		return nil
	case k.CanInt():
		if i, err := strconv.ParseInt(text, 10, k.Type().Bits()); err == nil {
			k.SetInt(i)
			return nil
		}
	case k.CanUint():
		if u, err := strconv.ParseUint(text, 10, k.Type().Bits()); err == nil {
			k.SetUint(u)
			return nil
		}
	}
	return fmt.Errorf("%w: map key into %s", ErrMismatch, k.Type())
}

// drop returns what follows the value at the head of b.
func drop(b []byte) ([]byte, error) {
	n, err := Skip(b)
	if err != nil {
		return b, err
	}
	return b[n:], nil
}
