package msgpack

import (
	"encoding"
	"encoding/json"
	"reflect"
	"sync"
	"time"
)

// form is how values of a type are written or read.
type form uint8

const (
	formPlain  form = iota // as their kind says
	formRaw                // Raw
	formTime               // time.Time
	formNumber             // json.Number
	formBinary             // slices of bytes
	formJSON               // by way of their own JSON
	formText               // by way of their own text
)

var (
	marshalerType       = reflect.TypeFor[json.Marshaler]()
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	textMarshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// forms are how a type is written as a value, how through a pointer to it, and
// how it is read.
type forms struct{ encode, encodeAddr, decode form }

// formCache holds the forms of each reflect.Type that was asked for.
var formCache sync.Map

func formsOf(t reflect.Type) forms {
	if known, ok := formCache.Load(t); ok {
		return known.(forms)
	}
	fs := newForms(t)
	formCache.Store(t, fs)
	return fs
}

func newForms(t reflect.Type) forms {
	if t.Kind() == reflect.Pointer {
		return forms{} // what it points to decides
	}
	switch t {
	case reflect.TypeFor[Raw]():
		return forms{formRaw, formRaw, formRaw}
	case reflect.TypeFor[time.Time]():
		return forms{formTime, formTime, formTime}
	case reflect.TypeFor[json.Number]():
		return forms{formNumber, formNumber, formNumber}
	}
	pointer := reflect.PointerTo(t)
	own := func(of reflect.Type, asJSON, asText reflect.Type) form {
		switch {
		case of.Implements(asJSON):
			return formJSON
		case of.Implements(asText):
			return formText
		case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && !ownForm(t.Elem()):
			return formBinary
		}
		return formPlain
	}
	return forms{
		encode:     own(t, marshalerType, textMarshalerType),
		encodeAddr: own(pointer, marshalerType, textMarshalerType),
		decode:     own(pointer, unmarshalerType, textUnmarshalerType),
	}
}

// ownForm reports whether values of t, or pointers to them, marshal themselves.
func ownForm(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(marshalerType) || p.Implements(textMarshalerType) ||
		p.Implements(unmarshalerType) || p.Implements(textUnmarshalerType)
}
