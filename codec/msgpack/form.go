package msgpack

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/sioserver/sioserver/codec/internal/jsontype"
)

// form is how values of a type are written or read.
type form uint8

const (
	formPlain  form = iota // by their kind
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
type forms struct {
	encode, encodeAddr, decode form
	refused                    error // why no value of the type can be written; nil if it can
}

// formCache holds the forms of each reflect.Type that was asked for.
var formCache sync.Map

func formsOf(t reflect.Type) forms {
	if known, ok := formCache.Load(t); ok {
		return known.(forms)
	}
	fs := newForms(t)
	if err := jsontype.Check(t); err != nil {
		fs.refused = fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	formCache.Store(t, fs)
	return fs
}

func newForms(t reflect.Type) forms {
	if t.Kind() == reflect.Pointer {
		return forms{} // what it points to decides
	}
	switch t {
	case reflect.TypeFor[Raw]():
		return forms{encode: formRaw, encodeAddr: formRaw, decode: formRaw}
	case reflect.TypeFor[time.Time]():
		return forms{encode: formTime, encodeAddr: formTime, decode: formTime}
	case reflect.TypeFor[json.Number]():
		return forms{encode: formNumber, encodeAddr: formNumber, decode: formNumber}
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
