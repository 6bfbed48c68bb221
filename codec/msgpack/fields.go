package msgpack

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// field is a struct field as encoding/json sees it.
type field struct {
	name      string
	index     []int
	tagged    bool
	omitEmpty bool
	omitZero  bool
	quoted    bool // the option "string" applies
}

// fields are the visible fields of a struct type in the order of encoding/json.
type fields struct {
	list   []field
	byName map[string]int
}

// fieldCache holds a *fields for each reflect.Type that was asked for.
var fieldCache sync.Map

func fieldsOf(t reflect.Type) *fields {
	if known, ok := fieldCache.Load(t); ok {
		return known.(*fields)
	}
	known, _ := fieldCache.LoadOrStore(t, newFields(t))
	return known.(*fields)
}

// newFields applies Go's rules for embedded fields, as amended by tags: of
// several fields of one name the least nested wins, then the only tagged one;
// else all are hidden.
func newFields(t reflect.Type) *fields {
	found := collectFields(nil, t, nil, map[reflect.Type]bool{})
	rank := func(f field) int {
		if f.tagged {
			return 2 * len(f.index)
		}
		return 2*len(f.index) + 1
	}
	slices.SortStableFunc(found, func(a, b field) int {
		return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(rank(a), rank(b)))
	})
	fs := &fields{byName: map[string]int{}}
	for len(found) > 0 {
		name, same := found[0].name, 1
		for same < len(found) && found[same].name == name {
			same++
		}
		if same == 1 || rank(found[0]) != rank(found[1]) {
			fs.list = append(fs.list, found[0])
		}
		found = found[same:]
	}
	slices.SortFunc(fs.list, func(a, b field) int { return slices.Compare(a.index, b.index) })
	for i, f := range fs.list {
		fs.byName[f.name] = i
	}
	return fs
}

func collectFields(found []field, t reflect.Type, index []int, open map[reflect.Type]bool) []field {
	if open[t] {
		return found // embeds itself: deeper copies are hidden by the outer ones
	}
	open[t] = true
	defer delete(open, t)
	for i := range t.NumField() {
		sf := t.Field(i)
		target := sf.Type
		if target.Name() == "" && target.Kind() == reflect.Pointer {
			target = target.Elem()
		}
		embeds := sf.Anonymous && target.Kind() == reflect.Struct
		tag := sf.Tag.Get("json")
		if tag == "-" || !sf.IsExported() && !embeds {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if !isFieldName(name) {
			name = ""
		}
		path := append(slices.Clone(index), i)
		if embeds && name == "" {
			found = collectFields(found, target, path, open)
			continue
		}
		f := field{name: cmp.Or(name, sf.Name), index: path, tagged: name != ""}
		for option := range strings.SplitSeq(options, ",") {
			switch option {
			case "omitempty":
				f.omitEmpty = true
			case "omitzero":
				f.omitZero = true
			case "string":
				f.quoted = quotable(target.Kind())
			}
		}
		found = append(found, f)
	}
	return found
}

func isFieldName(s string) bool {
	for _, c := range s {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return s != ""
}

func quotable(k reflect.Kind) bool {
	return k == reflect.Bool || k >= reflect.Int && k <= reflect.Uintptr ||
		k == reflect.Float32 || k == reflect.Float64 || k == reflect.String
}

// find returns the field that a member called name is decoded into: the exact
// match, else the first that differs in case only.
func (fs *fields) find(name []byte) *field {
	if i, ok := fs.byName[string(name)]; ok {
		return &fs.list[i]
	}
	text := string(name)
	for i := range fs.list {
		if strings.EqualFold(fs.list[i].name, text) {
			return &fs.list[i]
		}
	}
	return nil
}

// get returns the field of v; false if it lies in an embedded struct that is nil.
func (f *field) get(v reflect.Value) (reflect.Value, bool) {
	for n, i := range f.index {
		if n > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}, false
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}

// ensure is get, but it allocates the embedded structs that are nil; false if
// one is of an unexported type and can't be set.
func (f *field) ensure(v reflect.Value) (reflect.Value, bool) {
	for n, i := range f.index {
		if n > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !v.CanSet() {
					return reflect.Value{}, false
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}

// omits reports whether the tag keeps v, the field's value, out of the output.
func (f *field) omits(v reflect.Value) bool {
	return f.omitEmpty && isEmpty(v) || f.omitZero && isZero(v)
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	default:
		return v.IsZero()
	}
}

func isZero(v reflect.Value) bool {
	type zeroer interface{ IsZero() bool }
	if v.Kind() == reflect.Pointer && v.IsNil() || v.Kind() == reflect.Interface && v.IsNil() {
		return true
	}
	if z, ok := v.Interface().(zeroer); ok {
		return z.IsZero()
	}
	if v.CanAddr() {
		if z, ok := v.Addr().Interface().(zeroer); ok {
			return z.IsZero()
		}
	}
	return v.IsZero()
}
