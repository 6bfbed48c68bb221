//go:build (amd64 || arm64) && !go1.28

package jsonenc

import (
	"errors"

	"github.com/bytedance/sonic/decoder"
	"github.com/bytedance/sonic/encoder"
)

const nullForNaN = encoder.EncodeNullForInfOrNan

// quotesInput reports whether err refers to the input that was decoded.
func quotesInput(err error) bool {
	var syntax decoder.SyntaxError
	var mismatch *decoder.MismatchTypeError
	return errors.As(err, &syntax) || errors.As(err, &mismatch)
}
