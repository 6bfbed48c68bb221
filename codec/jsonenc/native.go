//go:build (amd64 || arm64) && !go1.28

package jsonenc

import (
	"github.com/bytedance/sonic/decoder"
	"github.com/bytedance/sonic/encoder"
)

const nullForNaN = encoder.EncodeNullForInfOrNan

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
