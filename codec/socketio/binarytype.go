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

// typeFacts is what is known of a type. Immutable.
type typeFacts struct {
	binary  bool  // a value can lead to a binary value
	refused error // why no value of the type can be sent; nil if it can
}

// knownTypes caches factsOf: reflect.Type to *typeFacts.
var knownTypes sync.Map

func factsOf(t reflect.Type) *typeFacts {
	if known, ok := knownTypes.Load(t); ok {
		return known.(*typeFacts)
	}
	// Only the answer for t is kept: those for types below it are not final
	// where the types are recursive.
	facts := &typeFacts{reachesBinary(t, map[reflect.Type]bool{}), jsontype.Check(t)}
	knownTypes.Store(t, facts)
	return facts
}

// mayHoldBinary reports whether a value of t can lead to a binary value.
func mayHoldBinary(t reflect.Type) bool { return factsOf(t).binary }

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

// survey looks for binary values that are not nil, and for values that can't be
// sent behind interfaces, as far as it takes to know that there are binary
// ones: the walk goes on from there.
type survey struct {
	all    bool // goes on when there are binary ones
	binary bool // there is one, or the nesting is so deep that the walk has to report it
	err    error
}

// done reports whether there is nothing left to find out.
func (s *survey) done() bool { return s.binary && !s.all || s.err != nil }

// root visits a value that was given as an interface.
func (s *survey) root(v reflect.Value, depth int) {
	if !v.IsValid() {
		return
	}
	facts := factsOf(v.Type())
	if s.err = facts.refused; s.err == nil && facts.binary {
		s.visit(v, depth)
	}
}

// visit visits a value whose type may hold binary ones.
func (s *survey) visit(v reflect.Value, depth int) {
	switch {
	case v.Kind() == reflect.Interface:
		s.root(v.Elem(), depth)
		return
	case isBinary(v.Type()):
		s.binary = s.binary || !v.IsNil()
		return
	case depth == jsonenc.MaxDepth:
		s.binary = true
		return
	}
	depth++
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			s.visit(v.Elem(), depth)
		}
	case reflect.Slice, reflect.Array:
		for i := 0; i < v.Len() && !s.done(); i++ {
			s.visit(v.Index(i), depth)
		}
	case reflect.Map:
		for it := v.MapRange(); !s.done() && it.Next(); {
			s.visit(it.Value(), depth)
		}
	case reflect.Struct:
		list := jsontype.FieldsOf(v.Type()).List
		for i := 0; i < len(list) && !s.done(); i++ {
			if value, ok := list[i].Get(v); ok && mayHoldBinary(list[i].Type) {
				s.visit(value, depth)
			}
		}
	}
}
