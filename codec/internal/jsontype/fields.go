package jsontype

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// Field is a struct field as encoding/json sees it. Immutable.
type Field struct {
	Name    string
	Literal string // the name as a JSON string, and a colon
	Type    reflect.Type
	Quoted  bool // the option "string" applies

	index               []int
	tagged              bool
	omitEmpty, omitZero bool
}

// Fields are the visible fields of a struct type. Immutable.
type Fields struct {
	List   []Field // in the order of encoding/json
	byName map[string]int
}

// known holds a *Fields for each reflect.Type that was asked for.
var known sync.Map

// FieldsOf returns the fields of a struct type. Safe for concurrent use.
func FieldsOf(t reflect.Type) *Fields {
	if fs, ok := known.Load(t); ok {
		return fs.(*Fields)
	}
	fs, _ := known.LoadOrStore(t, newFields(t))
	return fs.(*Fields)
}

// newFields applies Go's rules for embedded fields, as amended by tags: of
// several fields of one name the least nested wins, then the only tagged one;
// else all are hidden.
func newFields(t reflect.Type) *Fields {
	found := collectFields(nil, t, nil, map[reflect.Type]bool{})
	rank := func(f Field) int {
		if f.tagged {
			return 2 * len(f.index)
		}
		return 2*len(f.index) + 1
	}
	slices.SortStableFunc(found, func(a, b Field) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(rank(a), rank(b)))
	})
	fs := &Fields{byName: map[string]int{}}
	for len(found) > 0 {
		name, same := found[0].Name, 1
		for same < len(found) && found[same].Name == name {
			same++
		}
		if same == 1 || rank(found[0]) != rank(found[1]) {
			fs.List = append(fs.List, found[0])
		}
		found = found[same:]
	}
	slices.SortFunc(fs.List, func(a, b Field) int { return slices.Compare(a.index, b.index) })
	for i, f := range fs.List {
		fs.byName[f.Name] = i
	}
	return fs
}

func collectFields(found []Field, t reflect.Type, index []int, open map[reflect.Type]bool) []Field {
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
		f := Field{Name: cmp.Or(name, sf.Name), Type: sf.Type, index: path, tagged: name != ""}
		f.Literal = string(jsonenc.AppendString(nil, f.Name)) + ":"
		for option := range strings.SplitSeq(options, ",") {
			switch option {
			case "omitempty":
				f.omitEmpty = true
			case "omitzero":
				f.omitZero = true
			case "string":
				f.Quoted = quotable(target.Kind())
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

// Find returns the field that a member called name is decoded into: the exact
// match, else the first that differs in case only.
func (fs *Fields) Find(name []byte) *Field {
	if i, ok := fs.byName[string(name)]; ok {
		return &fs.List[i]
	}
	text := string(name)
	for i := range fs.List {
		if strings.EqualFold(fs.List[i].Name, text) {
			return &fs.List[i]
		}
	}
	return nil
}

// Get returns the field of v; false if it lies in an embedded struct that is
// nil.
func (f *Field) Get(v reflect.Value) (reflect.Value, bool) {
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

// Ensure is Get, but it allocates the embedded structs that are nil; false if
// one is of an unexported type and can't be set.
func (f *Field) Ensure(v reflect.Value) (reflect.Value, bool) {
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

// Omits reports whether the tag keeps v, the field's value, out of the output.
func (f *Field) Omits(v reflect.Value) bool {
	return f.omitEmpty && isEmpty(v) || f.omitZero && isZero(v)
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct, reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
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
