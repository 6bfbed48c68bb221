package jsonenc

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// errTime replaces what package time says, which quotes the whole string.
var errTime = errors.New("jsonenc: string is not a time of the form wanted")

// errValue replaces an error without a type that quotes the value.
var errValue = errors.New("jsonenc: cannot unmarshal value")

// fault is where in src decoding ended, and the type that the value there did
// not fit; nil when it was something else, or sonic does not say.
type fault struct {
	src      string
	pos      int
	mismatch reflect.Type
}

// explain makes the error of decoding b into v short, of one line, and free of
// the input: a peer has written that, and people read it in logs.
func explain(err error, b []byte, v any) error {
	switch f, ok := faultOf(err); {
	case ok && isPortable:
		return errValue
	case ok:
		return f.explain(reflect.TypeOf(v))
	}
	switch err := err.(type) {
	case *json.SyntaxError:
		return syntaxError(int(err.Offset))
	case *json.UnmarshalTypeError:
		e := *err
		switch value, _, _ := strings.Cut(e.Value, " "); {
		case value == "" && e.Type == base(reflect.TypeOf(v)):
			e.Value = kindAt(b, skipSpace(b, 0))
		case value == "":
			e.Value = "value"
		case value[0] == '-' || value[0]-'0' <= 9:
			e.Value = "number"
		default:
			e.Value = value
		}
		return &e
	case *json.UnsupportedValueError:
		// So sonic v1.15.5 says that its stack is full. The pointer is not of
		// the type that it pretends to be: reading the error would end the
		// program.
		return ErrTooDeep
	case *time.ParseError:
		return errTime
	}
	return err
}

// explain is explain for sonic's own errors. Those without a type are syntax
// errors, but also some about valid JSON.
func (f fault) explain(target reflect.Type) error {
	src := []byte(f.src)
	if f.mismatch == nil {
		switch _, err := Skip(src); {
		case err == ErrTooDeep:
			return err
		case !Valid(src):
			return syntaxError(f.pos)
		}
		return fmt.Errorf("jsonenc: cannot unmarshal value at offset %d", f.pos)
	}
	e := &json.UnmarshalTypeError{Value: kindAt(src, f.pos), Type: f.mismatch, Offset: int64(f.pos)}
	first, fields, reached := follow(base(target), src, keysTo(src, f.pos))
	e.Struct, e.Field = first, strings.Join(fields, ".")
	if reached != nil {
		e.Type = reached // sonic says int64 where int was meant
	}
	return e
}

func syntaxError(offset int) error {
	return fmt.Errorf("%w at offset %d", ErrSyntax, offset)
}

// kindAt names the kind of the value at b[i] as encoding/json does.
func kindAt(b []byte, i int) string {
	if i < 0 || i >= len(b) {
		return "value"
	}
	switch b[i] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	case 'n':
		return "null"
	}
	return "number"
}
