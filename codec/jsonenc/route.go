package jsonenc

import (
	"reflect"
	"strings"
)

// An array has no keys; an object that is not yet behind a colon has none yet.
const (
	inArray = -1
	atKey   = -2
)

// keysTo gives, for each array and object of b that is open at pos, outermost
// first, where the key begins that pos belongs to. b is JSON up to there; it
// takes one pass, however deep b is.
func keysTo(b []byte, pos int) []int {
	var open []int
	key := 0 // of the last string
	for i := 0; i < min(pos, len(b)); i++ {
		top := len(open) - 1
		switch b[i] {
		case '"':
			key = i
			end, ok := skipString(b, i)
			if !ok {
				return nil
			}
			i = end - 1
		case '{':
			open = append(open, atKey)
		case '[':
			open = append(open, inArray)
		case '}', ']':
			if top < 0 {
				return nil
			}
			open = open[:top]
		case ':':
			if top < 0 {
				return nil
			}
			open[top] = key
		case ',':
			if top >= 0 && open[top] != inArray {
				open[top] = atKey
			}
		}
	}
	return open
}

// follow walks from t along keys and gives the name of the first struct on the
// way, those of the fields that it passes, as their tags have them, and the
// type at the end, nil when the way leads through types that say nothing of
// what is in them.
func follow(t reflect.Type, b []byte, keys []int) (first string, fields []string, end reflect.Type) {
	for _, key := range keys {
		switch t.Kind() {
		case reflect.Struct:
			if key < 0 {
				return first, fields, nil
			}
			name, _, err := AppendUnquoted(nil, b[key:])
			if err != nil {
				return first, fields, nil
			}
			field, of := member(t, string(name))
			if of == nil {
				return first, fields, nil
			}
			if fields == nil {
				first = t.Name()
			}
			fields, t = append(fields, field), base(of)
		case reflect.Map, reflect.Slice, reflect.Array:
			if key == atKey {
				return first, fields, nil
			}
			t = base(t.Elem())
		default:
			return first, fields, nil
		}
	}
	return first, fields, t
}

// member finds the field of a struct that a key is decoded into, by the rules
// of encoding/json, and gives the name that JSON has for it, and its type.
func member(t reflect.Type, key string) (name string, of reflect.Type) {
	for _, f := range reflect.VisibleFields(t) {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inlined := f.Anonymous && tag == "" && base(f.Type).Kind() == reflect.Struct
		if !f.IsExported() || inlined || f.Tag.Get("json") == "-" {
			continue
		}
		if tag == "" {
			tag = f.Name
		}
		if tag == key {
			return tag, f.Type
		}
		if of == nil && strings.EqualFold(tag, key) {
			name, of = tag, f.Type
		}
	}
	return name, of
}

// base is t without the pointers before it.
func base(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}
