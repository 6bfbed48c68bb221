//go:build (amd64 || arm64) && !go1.28

package jsonenc

import (
	"reflect"
	"unsafe"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/decoder"
	"github.com/bytedance/sonic/encoder"
)

// isPortable reports which implementation is compiled in.
const isPortable = false

var decode = sonic.Config{CopyString: true, ValidateString: true}.Froze()

// encodeInto appends v to *b.
func encodeInto(b *[]byte, v any) error {
	return encoder.EncodeInto(b, v, encoder.SortMapKeys|encoder.CompactMarshaler|encoder.EncodeNullForInfOrNan)
}

// decodeInto decodes b into v, which keeps nothing of b.
func decodeInto(b []byte, v any) error {
	return decode.UnmarshalFromString(unsafe.String(unsafe.SliceData(b), len(b)), v)
}

func pretouch(types []reflect.Type) error { return sonic.PretouchMany(types) }

// faultOf takes apart sonic's errors about the input; ok is false for the
// errors of others. Sonic's own texts are excerpts of the input on many lines.
func faultOf(err error) (f fault, ok bool) {
	switch err := err.(type) {
	case decoder.SyntaxError:
		return fault{src: err.Src, pos: err.Pos}, true
	case *decoder.MismatchTypeError:
		return fault{src: err.Src, pos: err.Pos, mismatch: err.Type}, true
	}
	return fault{}, false
}
