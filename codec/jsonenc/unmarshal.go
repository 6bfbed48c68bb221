package jsonenc

import (
	"errors"
	"reflect"
	"strings"
	"unsafe"

	"github.com/bytedance/sonic"
)

var decode = sonic.Config{CopyString: true, ValidateString: true}.Froze()

// Unmarshal decodes the JSON value b into v, a pointer, by the rules of
// encoding/json. Bytes that are not UTF-8 and lone surrogates become U+FFFD,
// the last of duplicate keys wins, a number out of v's range is an error, and
// so is nesting deeper than MaxDepth. b is borrowed until return: neither the
// result nor an error points into it.
func Unmarshal(b []byte, v any) error {
	err := decode.UnmarshalFromString(unsafe.String(unsafe.SliceData(b), len(b)), v)
	if err != nil && quotesInput(err) {
		return errors.New("jsonenc: " + strings.TrimSpace(err.Error()))
	}
	return err
}

// Pretouch compiles encoders and decoders for types ahead of their first use,
// which costs milliseconds a type: call it at start, never on a loop.
func Pretouch(types ...reflect.Type) error {
	return sonic.PretouchMany(types)
}
