package jsonenc

import (
	"errors"
	"reflect"
)

// MaxDepth is the deepest nesting of arrays and objects that Skip, Valid and
// Unmarshal accept.
const MaxDepth = 4096

// ErrSyntax is returned for bytes that are not JSON.
var ErrSyntax = errors.New("jsonenc: invalid JSON")

// ErrTooDeep is returned for JSON nested deeper than MaxDepth.
var ErrTooDeep = errors.New("jsonenc: nested too deeply")

// Append appends the JSON of v to dst.
func Append(dst []byte, v any) ([]byte, error) { return dst, ErrSyntax }

// AppendString appends s as a JSON string literal to dst.
func AppendString(dst []byte, s string) []byte { return dst }

// Unmarshal decodes b into v.
func Unmarshal(b []byte, v any) error { return ErrSyntax }

// Valid reports whether b is one JSON value.
func Valid(b []byte) bool { return false }

// Skip returns the length of the first JSON value of b.
func Skip(b []byte) (n int, err error) { return 0, ErrSyntax }

// Pretouch compiles the encoders and decoders of types.
func Pretouch(types ...reflect.Type) error { return nil }
