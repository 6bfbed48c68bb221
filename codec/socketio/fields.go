package socketio

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// field is a struct field as encoding/json sees it.
type field struct {
	name      string
	literal   string // the name as a JSON string, and a colon
	typ       reflect.Type
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
	slices.SortStableFunc(found, func(a, b field) int {
		return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(len(a.index), len(b.index)), compareTagged(a, b))
	})
	fs := &fields{byName: map[string]int{}}
	for i := 0; i < len(found); {
		same := 1
		for i+same < len(found) && found[i+same].name == found[i].name {
			same++
		}
		first := found[i]
		if same == 1 || len(found[i+1].index) != len(first.index) || found[i+1].tagged != first.tagged {
			fs.list = append(fs.list, first)
		}
		i += same
	}
	slices.SortFunc(fs.list, func(a, b field) int { return slices.Compare(a.index, b.index) })
	for i, f := range fs.list {
		fs.byName[f.name] = i
	}
	return fs
}

func compareTagged(a, b field) int {
	switch {
	case a.tagged == b.tagged:
		return 0
	case a.tagged:
		return -1
	default:
		return 1
	}
}

func collectFields(found []field, t reflect.Type, index []int, open map[reflect.Type]bool) []field {
	if open[t] {
		return found // embeds itself: deeper copies are hidden by the outer ones
	}
	open[t] = true
	defer delete(open, t)
	for i := range t.NumField() {
		sf := t.Field(i)
		typ := sf.Type
		target := typ
		if target.Name() == "" && target.Kind() == reflect.Pointer {
			target = target.Elem()
		}
		if !sf.IsExported() && (!sf.Anonymous || target.Kind() != reflect.Struct) {
			continue
		}
		tag := sf.Tag.Get("json")
		if tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if !isFieldName(name) {
			name = ""
		}
		path := append(slices.Clone(index), i)
		if sf.Anonymous && name == "" && target.Kind() == reflect.Struct {
			found = collectFields(found, target, path, open)
			continue
		}
		f := field{name: name, typ: typ, index: path, tagged: name != ""}
		if name == "" {
			f.name = sf.Name
		}
		f.literal = string(jsonenc.AppendString(nil, f.name)) + ":"
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
func (fs *fields) find(name string) *field {
	if i, ok := fs.byName[name]; ok {
		return &fs.list[i]
	}
	for i := range fs.list {
		if strings.EqualFold(fs.list[i].name, name) {
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
