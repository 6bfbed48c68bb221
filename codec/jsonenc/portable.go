//go:build !(amd64 || arm64) || go1.28

package jsonenc

import "github.com/bytedance/sonic/encoder"

// nullForNaN is no option where sonic falls back on encoding/json: there NaN
// inside a composite value is an error.
const nullForNaN = encoder.Options(0)

// faultOf reports false: there are no errors of sonic's here.
func faultOf(error) (fault, bool) { return fault{}, false }
