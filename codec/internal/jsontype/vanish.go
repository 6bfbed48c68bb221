package jsontype

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
)

var (
	marshalerType     = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
)

// VanishingError reports a type whose values would be sent as "{}", whatever is
// in them.
type VanishingError struct{ Type reflect.Type }

func (e *VanishingError) Error() string {
	if marshals(reflect.PointerTo(e.Type)) {
		return fmt.Sprintf("codec: nothing of a %s would be sent, since only a *%[1]s marshals itself", e.Type)
	}
	return fmt.Sprintf("codec: %s has no exported fields and no MarshalJSON or MarshalText: nothing of it would be sent", e.Type)
}

// Check returns a [*VanishingError] if a value of type t leads to a struct that
// has fields of which JSON shows none, by pointers, items, map values and
// fields, or a [*KeyError] for a map whose keys have no form as text. What lies
// behind an interface is not t's. Only a field that says `json:"-"` makes a
// struct empty on purpose. The answer depends on the type alone, so all
// encoders refuse the same values.
func Check(t reflect.Type) error {
	c := checker{seen: make(map[place]bool)}
	return c.check(t, false)
}

// place is a type, and whether its values can be addressed: then methods of
// their pointers are found.
type place struct {
	t           reflect.Type
	addressable bool
}

type checker struct{ seen map[place]bool }

func (c checker) check(t reflect.Type, addressable bool) error {
	at := place{t, addressable}
	if c.seen[at] || marshals(t) || addressable && marshals(reflect.PointerTo(t)) {
		return nil
	}
	c.seen[at] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return c.check(t.Elem(), true)
	case reflect.Array:
		return c.check(t.Elem(), addressable)
	case reflect.Map:
		if !hasKeyText(t.Key()) {
			return &KeyError{t.Key()}
		}
		return c.check(t.Elem(), false)
	case reflect.Struct:
		list := FieldsOf(t).List
		if len(list) == 0 && t.NumField() > 0 && !hides(t) {
			return &VanishingError{t}
		}
		for i := range list {
			if err := c.check(list[i].Type, addressable); err != nil {
				return err
			}
		}
	}
	return nil
}

func marshals(t reflect.Type) bool {
	return t.Implements(marshalerType) || t.Implements(textMarshalerType)
}

// hides reports whether a field of the struct type is left out by its tag.
func hides(t reflect.Type) bool {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("json") == "-" {
			return true
		}
	}
	return false
}
