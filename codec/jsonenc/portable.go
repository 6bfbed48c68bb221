//go:build !(amd64 || arm64) || go1.28

package jsonenc

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// isPortable reports which implementation is compiled in: this one uses
// encoding/json, because sonic does not compile for 32-bit systems and is only
// a wrapper around encoding/json elsewhere. The output of composite values
// differs from [Append]'s description in two ways: U+2028 and U+2029 are
// escaped, and NaN and infinities are an error.
const isPortable = true

// encodeInto appends v to *b.
func encodeInto(b *[]byte, v any) error {
	w := bytes.NewBuffer(*b)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	*b = bytes.TrimSuffix(w.Bytes(), []byte("\n"))
	return nil
}

// decodeInto decodes b into v, which keeps nothing of b.
func decodeInto(b []byte, v any) error {
	if _, err := Skip(b); err == ErrTooDeep {
		return err
	}
	return json.Unmarshal(b, v)
}

// pretouch has nothing to compile.
func pretouch([]reflect.Type) error { return nil }

// faultOf finds the errors of encoding/json that have no type and quote the
// input, which are about numbers in strings.
func faultOf(err error) (fault, bool) {
	return fault{}, strings.HasPrefix(err.Error(), "json: invalid ")
}
