package jsonenc

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// compared is a type of which this package and encoding/json are to make the
// same.
type compared struct {
	S    string
	I    int8
	U    uint64
	B    *bool
	F    float64
	M    map[string]compared
	T    time.Time
	Y    []byte
	L    []int `json:"list,omitempty"`
	A    [2]int
	Q    int `json:"q,string"`
	Any  any
	Raw  json.RawMessage
	Skip int `json:"-"`
}

// FuzzLikeEncodingJSON decodes into several types with this package and with
// encoding/json: both find the same valid, accept the same for each type, and
// make the same of it. What they have decoded is encoded by both, and means the
// same.
//
// Left out of the comparison: nesting deeper than this package allows, what a
// failed decoding leaves behind, and what is not JSON: sonic passes over wrong
// escapes in members that the type does not have, such as {"unknown":"\0"}. And
// maps with integers for keys: sonic refuses {"00":1}, of which encoding/json
// makes 0.
func FuzzLikeEncodingJSON(f *testing.F) {
	for _, seed := range []string{
		`{"S":"\u00e9\ud83d\ude00\/","I":-128,"U":18446744073709551615,"B":true,"F":1e21,"M":{"a":{"I":1}}}`,
		`{"T":"2006-01-02T15:04:05Z","Y":"AQID","list":[1,2],"A":[1,2,3],"q":"5","Any":[{"a":null}],"Raw": [1, 2]}`,
		`[1,-0,0.1,1E+2,"a\u2028b<&>",true,null,{}]`, ` "a" `, `{"s":1,"S":"x","S":"y"}`, `1e400`, "\"\xff\"", `"\ud800"`,
		`{"A":[1],"B":null,"Y":null,"M":null}`, `[01]`, `[1,]`, `{"a"}`, `nul`, "\ufeff1", `{"I":128}`, `{"":"\0"}`, `{"I":1.0}`, `{"U":-1}`, `{"q":5}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, deep := Skip(b)
		switch valid := json.Valid(b); {
		case errors.Is(deep, ErrTooDeep):
			return
		case Valid(b) != valid:
			t.Fatalf("%q is valid: %t, encoding/json: %t", b, Valid(b), valid)
		case !valid:
			return
		}
		for _, typ := range []reflect.Type{
			reflect.TypeFor[any](), reflect.TypeFor[compared](), reflect.TypeFor[[]any](), reflect.TypeFor[map[string]any](),
			reflect.TypeFor[string](), reflect.TypeFor[float64](), reflect.TypeFor[[]string](), reflect.TypeFor[*int](),
		} {
			ours, std := reflect.New(typ), reflect.New(typ)
			err := Unmarshal(b, ours.Interface())
			if errors.Is(err, ErrTooDeep) {
				continue
			}
			stdErr := json.Unmarshal(b, std.Interface())
			if (err == nil) != (stdErr == nil) {
				t.Fatalf("%q into %v: %v, encoding/json: %v", b, typ, err, stdErr)
			}
			if err != nil {
				continue
			}
			if !reflect.DeepEqual(ours.Interface(), std.Interface()) {
				t.Fatalf("%q into %v: %#v, encoding/json: %#v", b, typ, ours.Elem(), std.Elem())
			}
			sameText(t, std.Elem().Interface())
		}
	})
}

// sameText encodes v by this package and by encoding/json.
func sameText(t *testing.T, v any) {
	t.Helper()
	text, err := Append(nil, v)
	if errors.Is(err, ErrTooDeep) {
		return
	}
	std, stdErr := json.Marshal(v)
	if (err == nil) != (stdErr == nil) {
		t.Fatalf("%#v: %v, encoding/json: %v", v, err, stdErr)
	}
	if err != nil {
		return
	}
	var meant, stdMeant any
	if err := errors.Join(json.Unmarshal(text, &meant), json.Unmarshal(std, &stdMeant)); err != nil {
		t.Fatalf("%#v: %s, encoding/json: %s: %v", v, text, std, err)
	}
	if !reflect.DeepEqual(meant, stdMeant) {
		t.Fatalf("%#v: %s, encoding/json: %s", v, text, std)
	}
	if strings.ContainsAny(string(text), "\n") {
		t.Fatalf("%#v: %q has a line end", v, text)
	}
}
