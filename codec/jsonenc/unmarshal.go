package jsonenc

import (
	"reflect"
	"unicode/utf8"
)

// Unmarshal decodes the JSON value b into v, a pointer, by the rules of
// encoding/json. Bytes that are not UTF-8 and lone surrogates become U+FFFD,
// the last of duplicate keys wins, a number out of v's range is an error, and
// so is nesting deeper than MaxDepth, or for some types deeper than a part of
// it. b is borrowed until return: neither the result nor an error points into
// it.
//
// Errors are one line and quote nothing of b: a [*json.UnmarshalTypeError] with
// the kind of the value, the Go type and, where known, the field and the
// offset; ErrSyntax with an offset, or ErrTooDeep. What a type's own
// UnmarshalJSON or UnmarshalText returns is handed on as it is.
func Unmarshal(b []byte, v any) error {
	if s, ok := v.(*string); ok && s != nil && isPlainString(b) {
		*s = string(b[1 : len(b)-1])
		return nil
	}
	if err := decodeInto(b, v); err != nil {
		return explain(err, b, v)
	}
	return nil
}

// isPlainString reports whether b is a string literal that spells itself.
func isPlainString(b []byte) bool {
	last := len(b) - 1
	return last > 0 && b[0] == '"' && plainEnd(b, 1) == last && b[last] == '"' && utf8.Valid(b)
}

// Pretouch compiles encoders and decoders for types ahead of their first use,
// which costs milliseconds a type: call it at start, never on a loop.
func Pretouch(types ...reflect.Type) error {
	return pretouch(types)
}
