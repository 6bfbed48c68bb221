package socketio

import (
	"encoding/json"
	"reflect"

	"github.com/sioserver/sioserver/codec/internal/jsontype"
	"github.com/sioserver/sioserver/codec/jsonenc"
)

// valueEncoder appends Go values as JSON to b and moves the binary ones among
// them to attachments. Most values hold none and go to jsonenc whole; only a
// value that does is walked here, by the rules of encoding/json.
type valueEncoder struct {
	b           []byte
	attachments [][]byte
	plain       [][]byte // the RawArgs without attachments
	depth       int
}

func (e *valueEncoder) append(v any) error {
	switch v := v.(type) {
	case []byte:
		e.appendBinary(v)
		return nil
	case nil, string, bool, int, int32, int64, uint, uint32, uint64, float32, float64, json.RawMessage:
		var err error
		e.b, err = jsonenc.Append(e.b, v)
		return err
	case RawArg:
		return e.appendRawArg(v)
	}
	return e.appendAny(v)
}

// appendAny appends a value of any other type.
func (e *valueEncoder) appendAny(v any) (err error) {
	var s survey
	rv := reflect.ValueOf(v)
	switch s.root(rv, 0); {
	case s.err != nil:
		return s.err
	case s.binary:
		return e.start(rv)
	}
	e.b, err = jsonenc.Append(e.b, v)
	return err
}

// Check returns the error of a value that AppendEvent refuses because of its
// type, for what encodes values otherwise.
func Check(v any) error {
	switch v.(type) {
	case nil, []byte, string, bool, int, int64, float64, json.RawMessage, RawArg:
		return nil
	}
	s := survey{all: true}
	s.root(reflect.ValueOf(v), 0)
	return s.err
}

// start is walk, except that a panic of v's own methods is an error.
func (e *valueEncoder) start(v reflect.Value) (err error) {
	defer jsonenc.Rescue(&err)
	return e.walk(v)
}

func (e *valueEncoder) appendBinary(b []byte) {
	if b == nil {
		e.b = append(e.b, "null"...)
		return
	}
	e.b = AppendPlaceholder(e.b, len(e.attachments))
	e.attachments = append(e.attachments, b)
}

// walk appends v, which may hold binary values.
func (e *valueEncoder) walk(v reflect.Value) error {
	if v.Kind() == reflect.Interface {
		if v = v.Elem(); v.IsValid() {
			if err := factsOf(v.Type()).refused; err != nil {
				return err
			}
		}
	}
	if !v.IsValid() {
		e.b = append(e.b, "null"...)
		return nil
	}
	t := v.Type()
	if !mayHoldBinary(t) || v.CanAddr() && hasOwnForm(reflect.PointerTo(t)) {
		return e.leaf(v)
	}
	if isBinary(t) {
		e.appendBinary(v.Bytes())
		return nil
	}
	if e.depth == jsonenc.MaxDepth {
		return jsonenc.ErrTooDeep
	}
	e.depth++
	defer func() { e.depth-- }()
	switch v.Kind() {
	case reflect.Pointer:
		return e.walk(v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			return e.walk(reflect.Value{})
		}
		return e.walkList(v)
	case reflect.Array:
		return e.walkList(v)
	case reflect.Map:
		if v.IsNil() {
			return e.walk(reflect.Value{})
		}
		return e.walkMap(v)
	case reflect.Struct:
		return e.walkStruct(v)
	default:
		return e.leaf(v)
	}
}

func (e *valueEncoder) leaf(v reflect.Value) error {
	if v.CanAddr() {
		v = v.Addr() // so that methods of the pointer are found
	}
	var err error
	e.b, err = jsonenc.Append(e.b, v.Interface())
	return err
}

func (e *valueEncoder) walkList(v reflect.Value) error {
	e.b = append(e.b, '[')
	for i := range v.Len() {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		if err := e.walk(v.Index(i)); err != nil {
			return err
		}
	}
	e.b = append(e.b, ']')
	return nil
}

func (e *valueEncoder) walkMap(v reflect.Value) error {
	members, err := jsontype.Members(v)
	if err != nil {
		return err
	}
	e.b = append(e.b, '{')
	for i, m := range members {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.b = append(jsonenc.AppendString(e.b, m.Name), ':')
		if err := e.walk(m.Value); err != nil {
			return err
		}
	}
	e.b = append(e.b, '}')
	return nil
}

func (e *valueEncoder) walkStruct(v reflect.Value) error {
	list, open := jsontype.FieldsOf(v.Type()).List, byte('{')
	for i := range list {
		f := &list[i]
		value, ok := f.Get(v)
		if !ok || f.Omits(value) {
			continue
		}
		e.b = append(append(e.b, open), f.Literal...)
		open = ','
		start := len(e.b)
		if err := e.walk(value); err != nil {
			return err
		}
		if f.Quoted && string(e.b[start:]) != "null" {
			text := string(e.b[start:])
			e.b = jsonenc.AppendString(e.b[:start], text)
		}
	}
	if open == '{' {
		e.b = append(e.b, '{')
	}
	e.b = append(e.b, '}')
	return nil
}
