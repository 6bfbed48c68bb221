package jsontype

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Member is a key of a map and its value.
type Member struct {
	Name  string
	Value reflect.Value
}

// Members returns the members of the map v, keys as encoding/json writes them
// and sorted. A key of a type that has no form as text is an error.
func Members(v reflect.Value) ([]Member, error) {
	list := make([]Member, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		name, err := keyName(it.Key())
		if err != nil {
			return nil, err
		}
		list = append(list, Member{name, it.Value()})
	}
	slices.SortFunc(list, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// KeyError reports a map whose keys have no form as text.
type KeyError struct{ Type reflect.Type }

func (e *KeyError) Error() string {
	return fmt.Sprintf("codec: map key %s has no form as text", e.Type)
}

// hasKeyText reports whether keys of type t have a form as text.
func hasKeyText(t reflect.Type) bool {
	k := t.Kind()
	return k == reflect.String || t.Implements(textMarshalerType) || k == reflect.Bool ||
		k >= reflect.Int && k <= reflect.Uintptr
}

func keyName(key reflect.Value) (string, error) {
	if key.Kind() == reflect.String {
		return key.String(), nil
	}
	if m, ok := key.Interface().(encoding.TextMarshaler); ok {
		if key.Kind() == reflect.Pointer && key.IsNil() {
			return "", nil
		}
		text, err := m.MarshalText()
		return string(text), err
	}
	switch {
	case key.Kind() == reflect.Bool:
		return strconv.FormatBool(key.Bool()), nil
	case key.CanInt():
		return strconv.FormatInt(key.Int(), 10), nil
	case key.CanUint():
		return strconv.FormatUint(key.Uint(), 10), nil
	default:
		return "", &KeyError{key.Type()}
	}
}
