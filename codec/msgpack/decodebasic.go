package msgpack

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// decodeBasic decodes a boolean, number, string or date into v by its kind;
// false if it does not fit.
func decodeBasic(h head, content []byte, v reflect.Value) bool {
	switch k := v.Kind(); {
	case h.kind == kindBool && k == reflect.Bool:
		v.SetBool(h.bits != 0)
	case h.kind == kindString && k == reflect.String:
		v.SetString(validText(content))
	case h.kind == kindTime && k == reflect.String:
		t, err := readTime(h, content)
		v.SetString(string(appendISO(nil, t)))
		return err == nil
	case h.isNumber() && v.CanFloat():
		f := h.float()
		if v.OverflowFloat(f) {
			return false
		}
		v.SetFloat(f)
	case h.isNumber() && v.CanInt():
		return setInt(h.whole(), v)
	case h.isNumber() && v.CanUint():
		h = h.whole()
		if h.kind != kindUint || v.OverflowUint(h.bits) {
			return false
		}
		v.SetUint(h.bits)
	default:
		return false
	}
	return true
}

func setInt(h head, v reflect.Value) bool {
	i := int64(h.bits)
	if h.kind == kindFloat || h.kind == kindUint && i < 0 || v.OverflowInt(i) {
		return false
	}
	v.SetInt(i)
	return true
}

func decodeBase64(content []byte, v reflect.Value) error {
	out, err := base64.StdEncoding.AppendDecode([]byte{}, content)
	if err != nil {
		return mismatch(kindString, v)
	}
	v.SetBytes(out)
	return nil
}

// decodeNumber decodes a number into v, a json.Number.
func decodeNumber(h head, v reflect.Value) error {
	switch f := h.float(); {
	case h.kind == kindUint:
		v.SetString(strconv.FormatUint(h.bits, 10))
	case h.kind == kindInt:
		v.SetString(strconv.FormatInt(int64(h.bits), 10))
	case math.IsNaN(f) || math.IsInf(f, 0):
		return mismatch(h.kind, v)
	default:
		v.SetString(string(jsonenc.AppendFloat(nil, f)))
	}
	return nil
}
