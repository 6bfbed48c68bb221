package msgpack

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/sioserver/sioserver/codec/internal/jsontype"
	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/socketio"
)

// AppendValue appends v to dst, as encoding/json reads v: "json" tags, sorted
// map keys, nil pointers, maps and slices as nil. Besides:
//
//   - Integers take the smallest form; floats that are integers go out as such,
//     all others, NaN among them, as float64.
//   - Slices of bytes of any name are bin, unless they or their items marshal
//     themselves; nil ones are nil.
//   - A time.Time is a timestamp (extension -1), whole seconds since 1970 in 32
//     bits, else in 64 or 96. Its year must be one of 0 to 9999, as in JSON.
//   - A json.RawMessage and what a MarshalJSON returns is transcoded, a
//     MarshalText gives a string.
//   - Bytes of strings that are not UTF-8 become U+FFFD.
//   - A socketio.RawArg is transcoded, its attachments are bin.
//   - A number of JSON that does not fit into 64 bits is the nearest float64,
//     as in JavaScript; one beyond float64 is refused.
//
// Strings, numbers, booleans, nil, []byte and time.Time do not allocate when
// dst has room. On an error dst comes back unchanged; the errors are
// ErrUnsupported, ErrTooDeep, those of v's own methods, and a
// [*jsonenc.PanicError] for their panics. The same values are refused as by
// AppendEvent of package socketio, but for numbers beyond float64.
func AppendValue(dst []byte, v any) ([]byte, error) {
	e := encoder{b: dst, dates: timestampDates}
	if err := e.append(v); err != nil {
		return dst, err
	}
	return e.b, nil
}

// encoder appends Go values to b.
type encoder struct {
	b     []byte
	depth int
	dates dateForm
}

func (e *encoder) append(v any) (err error) {
	switch v := v.(type) {
	case nil:
		e.b = append(e.b, codeNil)
	case string:
		e.b = AppendString(e.b, v)
	case bool:
		e.b = appendBool(e.b, v)
	case int:
		e.b = AppendInt(e.b, int64(v))
	case int32:
		e.b = AppendInt(e.b, int64(v))
	case int64:
		e.b = AppendInt(e.b, v)
	case uint:
		e.b = AppendUint(e.b, uint64(v))
	case uint32:
		e.b = AppendUint(e.b, uint64(v))
	case uint64:
		e.b = AppendUint(e.b, v)
	case float64:
		e.b = AppendFloat(e.b, v)
	case []byte:
		e.appendBinary(v)
	case time.Time:
		return e.appendTime(v)
	case json.RawMessage:
		return e.appendJSON(v)
	case Raw:
		e.b, err = appendRaw(e.b, v)
	case []any:
		return e.appendSlice(v)
	case map[string]any:
		return e.appendMap(v)
	case socketio.RawArg:
		return e.appendRawArg(v)
	default:
		return e.appendAny(v)
	}
	return err
}

// appendAny appends a value of any other type. A panic of the value's own
// methods is an error.
func (e *encoder) appendAny(v any) (err error) {
	defer jsonenc.Rescue(&err)
	return e.root(reflect.ValueOf(v))
}

// root appends a value that was given as an interface.
func (e *encoder) root(v reflect.Value) error {
	if v.IsValid() {
		if err := formsOf(v.Type()).refused; err != nil {
			return err
		}
	}
	return e.walk(v)
}

// appendTime appends a date, unless JSON has no form for its year.
func (e *encoder) appendTime(t time.Time) error {
	if err := checkYear(t); err != nil {
		return err
	}
	e.b = appendTime(e.b, t, e.dates)
	return nil
}

func (e *encoder) appendBinary(b []byte) {
	if b == nil {
		e.b = append(e.b, codeNil)
		return
	}
	e.b = AppendBinary(e.b, b)
}

func (e *encoder) appendSlice(items []any) error {
	if items == nil {
		e.b = append(e.b, codeNil)
		return nil
	}
	if err := e.enter(); err != nil {
		return err
	}
	e.b = AppendArrayHeader(e.b, len(items))
	for _, item := range items {
		if err := e.append(item); err != nil {
			return err
		}
	}
	e.depth--
	return nil
}

func (e *encoder) appendMap(m map[string]any) error {
	if m == nil {
		e.b = append(e.b, codeNil)
		return nil
	}
	if err := e.enter(); err != nil {
		return err
	}
	e.b = AppendMapHeader(e.b, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		e.b = AppendString(e.b, key)
		if err := e.append(m[key]); err != nil {
			return err
		}
	}
	e.depth--
	return nil
}

// enter goes a level deeper; the level is left where all went well only, since
// an error ends the encoding.
func (e *encoder) enter() error {
	if e.depth == MaxDepth {
		return ErrTooDeep
	}
	e.depth++
	return nil
}

// walk appends v by its type.
func (e *encoder) walk(v reflect.Value) (err error) {
	if v.Kind() == reflect.Interface {
		return e.root(v.Elem())
	}
	if !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		e.b = append(e.b, codeNil)
		return nil
	}
	fs := formsOf(v.Type())
	as := fs.encode
	if v.CanAddr() && fs.encodeAddr != as {
		as, v = fs.encodeAddr, v.Addr()
	}
	switch as {
	case formRaw:
		e.b, err = appendRaw(e.b, v.Bytes())
		return err
	case formTime:
		return e.appendTime(v.Interface().(time.Time))
	case formNumber:
		return e.appendNumber(v.String())
	case formBinary:
		e.appendBinary(v.Bytes())
		return nil
	case formJSON:
		raw, err := v.Interface().(json.Marshaler).MarshalJSON()
		if err != nil {
			return err
		}
		return e.appendJSON(raw)
	case formText:
		text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		e.b = AppendString(e.b, text)
		return err
	}
	return e.walkKind(v)
}

func (e *encoder) walkKind(v reflect.Value) error {
	k := v.Kind()
	switch {
	case k == reflect.Bool:
		e.b = appendBool(e.b, v.Bool())
	case v.CanInt():
		e.b = AppendInt(e.b, v.Int())
	case v.CanUint():
		e.b = AppendUint(e.b, v.Uint())
	case v.CanFloat():
		e.b = AppendFloat(e.b, v.Float())
	case k == reflect.String:
		e.b = AppendString(e.b, v.String())
	case (k == reflect.Slice || k == reflect.Map) && v.IsNil():
		e.b = append(e.b, codeNil)
	default:
		return e.walkInto(v)
	}
	return nil
}

// walkInto appends v a level deeper. Pointers count, since they can be endless.
func (e *encoder) walkInto(v reflect.Value) (err error) {
	if err := e.enter(); err != nil {
		return err
	}
	switch v.Kind() {
	case reflect.Pointer:
		err = e.walk(v.Elem())
	case reflect.Slice, reflect.Array:
		err = e.walkList(v)
	case reflect.Map:
		err = e.walkMap(v)
	case reflect.Struct:
		err = e.walkStruct(v)
	default:
		err = fmt.Errorf("%w: %s", ErrUnsupported, v.Type())
	}
	e.depth--
	return err
}

func (e *encoder) walkList(v reflect.Value) error {
	e.b = AppendArrayHeader(e.b, v.Len())
	for i := range v.Len() {
		if err := e.walk(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) walkMap(v reflect.Value) error {
	list, err := jsontype.Members(v)
	if key := (*jsontype.KeyError)(nil); errors.As(err, &key) {
		return fmt.Errorf("%w: map key %s", ErrUnsupported, key.Type)
	}
	if err != nil {
		return err
	}
	e.b = AppendMapHeader(e.b, len(list))
	for _, m := range list {
		e.b = AppendString(e.b, m.Name)
		if err := e.walk(m.Value); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) walkStruct(v reflect.Value) error {
	list := jsontype.FieldsOf(v.Type()).List
	header, n := len(e.b), 0
	e.b = AppendMapHeader(e.b, len(list))
	for i := range list {
		f := &list[i]
		value, ok := f.Get(v)
		if !ok || f.Omits(value) {
			continue
		}
		n++
		e.b = AppendString(e.b, f.Name)
		start := len(e.b)
		if err := e.walk(value); err != nil {
			return err
		}
		if f.Quoted && e.b[start] != codeNil {
			quoted, err := AppendJSON(nil, e.b[start:])
			if err != nil {
				return err
			}
			e.b = AppendString(e.b[:start], quoted)
		}
	}
	setMapHeader(e.b[header:], n)
	return nil
}

// appendNumber appends a json.Number; the empty one is 0, as in encoding/json.
func (e *encoder) appendNumber(literal string) error {
	if literal == "" {
		literal = "0"
	}
	if !isNumberLiteral(literal) {
		return fmt.Errorf("%w: number literal %q", ErrUnsupported, literal)
	}
	var err error
	e.b, err = appendNumberLiteral(e.b, literal)
	return err
}
