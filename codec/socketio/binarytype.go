package socketio

import (
	"encoding"
	"encoding/json"
	"reflect"
	"sync"

	"github.com/sioserver/sioserver/codec/internal/jsontype"
	"github.com/sioserver/sioserver/codec/jsonenc"
)

var (
	marshalerType     = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
)

// hasOwnForm reports whether values of t marshal themselves.
func hasOwnForm(t reflect.Type) bool {
	return t.Implements(marshalerType) || t.Implements(textMarshalerType)
}

// isBinary reports whether values of t go out as attachments: slices of bytes
// of any name, unless they or their items marshal themselves.
func isBinary(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 &&
		!hasOwnForm(t) && !hasOwnForm(t.Elem()) && !hasOwnForm(reflect.PointerTo(t.Elem()))
}

// binaryTypes caches mayHoldBinary: reflect.Type to bool.
var binaryTypes sync.Map

// mayHoldBinary reports whether a value of t can lead to a binary value.
func mayHoldBinary(t reflect.Type) bool {
	if known, ok := binaryTypes.Load(t); ok {
		return known.(bool)
	}
	// Only the answer for t is kept: those for types below it are not final
	// where the types are recursive.
	may := reachesBinary(t, map[reflect.Type]bool{})
	binaryTypes.Store(t, may)
	return may
}

func reachesBinary(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] || hasOwnForm(t) {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Array, reflect.Slice, reflect.Map:
		return isBinary(t) || reachesBinary(t.Elem(), seen)
	case reflect.Struct:
		for _, f := range jsontype.FieldsOf(t).List {
			if reachesBinary(f.Type, seen) {
				return true
			}
		}
	}
	return false
}

// holdsBinary reports whether v leads to a binary value that is not nil, or is
// nested so deep that the walk has to report it.
func holdsBinary(v reflect.Value, depth int) bool {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() || !mayHoldBinary(v.Type()) {
		return false
	}
	if isBinary(v.Type()) {
		return !v.IsNil()
	}
	if depth == jsonenc.MaxDepth {
		return true
	}
	depth++
	switch v.Kind() {
	case reflect.Pointer:
		return holdsBinary(v.Elem(), depth)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if holdsBinary(v.Index(i), depth) {
				return true
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if holdsBinary(it.Value(), depth) {
				return true
			}
		}
	case reflect.Struct:
		for _, f := range jsontype.FieldsOf(v.Type()).List {
			if value, ok := f.Get(v); ok && holdsBinary(value, depth) {
				return true
			}
		}
	}
	return false
}
