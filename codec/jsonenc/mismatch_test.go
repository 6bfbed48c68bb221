package jsonenc

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

type (
	inner struct {
		X int8
		L []int `json:"list"`
	}
	embedded struct{ Deep string }
	outer    struct {
		embedded
		S    string
		I    int
		U    uint8
		B    bool
		F    float32
		N    json.Number
		M    map[string]inner
		K    map[int]string
		T    time.Time
		Y    []byte
		In   *inner `json:"in,omitempty"`
		Arr  [2]int
		Q    int `json:"q,string"`
		E    struct{ T textual }
		C    chan int
		Any  any
		Skip int `json:"-"`
		Own  choosy
	}
	choosy struct{}
)

var errChoosy = errors.New("not to my taste")

func (*choosy) UnmarshalJSON([]byte) error { return errChoosy }

// TestUnmarshalErrors wants one short line without anything of the input, whose
// every text is "secret" or digits of 7.
func TestUnmarshalErrors(t *testing.T) {
	for _, c := range []struct {
		name, in string
		into     any
		want     string
	}{
		{"whole", `"secret"`, new(outer), "json: cannot unmarshal string into Go value of type jsonenc.outer"},
		{"array", `[7]`, new(outer), "json: cannot unmarshal array into Go value of type jsonenc.outer"},
		{"object", `{"secret":7}`, new([]int), "json: cannot unmarshal object into Go value of type []int"},
		{"bool", ` true`, new(string), "json: cannot unmarshal bool into Go value of type string"},
		{"string into int", `{"S":"secret","I":"secret"}`, new(outer), "json: cannot unmarshal string into Go struct field outer.I of type int"},
		{"case folded", `{"i":"secret"}`, new(outer), "json: cannot unmarshal string into Go struct field outer.I of type int"},
		{"escaped key", `{"\u0049":"secret"}`, new(outer), "json: cannot unmarshal string into Go struct field outer.I of type int"},
		{"promoted", `{"Deep":7}`, new(outer), "json: cannot unmarshal number into Go struct field outer.Deep of type string"},
		{"fraction", `{"I":7.7}`, new(outer), "json: cannot unmarshal number into Go struct field outer.I of type int"},
		{"too big", `{"I":77777777777777777777}`, new(outer), "json: cannot unmarshal number into Go struct field outer.I of type int"},
		{"out of range", `{"U":777}`, new(outer), "json: cannot unmarshal number into Go value of type uint8"},
		{"negative", `{"U":-7}`, new(outer), "json: cannot unmarshal number into Go struct field outer.U of type uint8"},
		{"float out of range", `{"F":7e77}`, new(outer), "json: cannot unmarshal number into Go value of type float32"},
		{"infinite", `{"Any":7e777}`, new(outer), "jsonenc: cannot unmarshal value at offset 12"},
		{"nested", `{"in":{"X":7,"list":[7,{"secret":7}]}}`, new(outer), "json: cannot unmarshal object into Go struct field outer.in.list of type int"},
		{"in a map", `{"M":{"secret":{"X":7},"secret,\"":{"list":"secret"}}}`, new(outer), "json: cannot unmarshal string into Go struct field outer.M.list of type []int"},
		{"map's key", `{"K":{"secret":"secret"}}`, new(outer), "json: cannot unmarshal string into Go struct field outer.K of type int64"},
		{"slice of structs", `[{"I":7},{"B":"secret"}]`, new([]outer), "json: cannot unmarshal string into Go struct field outer.B of type bool"},
		{"json.Number", `{"N":"secret"}`, new(outer), "json: cannot unmarshal string into Go struct field outer.N of type json.Number"},
		{"time", `{"T":"secret"}`, new(outer), "jsonenc: string is not a time of the form wanted"},
		{"base64", `{"Y":"_secret"}`, new(outer), "illegal base64 data at input byte 0"},
		{"quoted number", `{"q":"secret"}`, new(outer), "jsonenc: cannot unmarshal value at offset 7"},
		{"text", `{"E":{"T":7}}`, new(outer), "jsonenc: cannot unmarshal value at offset 10"},
		{"channel", ` "secret"`, new(chan int), "json: cannot unmarshal string into Go value of type chan int"},
		{"channel in a struct", `{"C":7}`, new(outer), "json: cannot unmarshal value into Go value of type chan int"},
		{"function", `[7]`, new(func()), "json: cannot unmarshal array into Go value of type func()"},
		{"type's own", `{"Own":"secret"}`, new(outer), errChoosy.Error()},
		{"empty", ``, new(outer), "jsonenc: invalid JSON at offset 0"},
		{"cut", `{"S":"secret`, new(outer), "jsonenc: invalid JSON at offset 12"},
		{"not JSON", `{"S":"secret"} secret`, new(outer), "jsonenc: invalid JSON at offset 15"},
		{"not a pointer", `7`, outer{}, "json: Unmarshal(non-pointer jsonenc.outer)"},
		{"nil", `7`, nil, "json: Unmarshal(nil)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Unmarshal([]byte(c.in), c.into)
			switch {
			case err == nil:
				t.Fatalf("got nil, want %s", c.want)
			case isPortable: // says it in words of its own
				if text := err.Error(); len(text) > 120 || strings.ContainsAny(text, "\n7") || strings.Contains(text, "secret") {
					t.Fatalf("got %s", text)
				}
			case err.Error() != c.want:
				t.Fatalf("got  %v\nwant %s", err, c.want)
			}
			if syntax := strings.Contains(c.want, "invalid JSON"); errors.Is(err, ErrSyntax) != syntax {
				t.Errorf("is ErrSyntax: %t", !syntax)
			}
		})
	}
	var mismatch *json.UnmarshalTypeError
	if err := Unmarshal([]byte(`{"in":{"X":"secret"}}`), new(outer)); !errors.As(err, &mismatch) || mismatch.Offset != 11 && !isPortable ||
		mismatch.Type != reflect.TypeFor[int8]() || mismatch.Value != "string" || mismatch.Field != "in.X" {
		t.Errorf("got %#v", err)
	}
}

// TestUnmarshalTooDeep reads the errors of nesting that sonic's stack is too
// small for, in a type that nests and in one that does not.
func TestUnmarshalTooDeep(t *testing.T) {
	type tree struct{ T []tree }
	for name, into := range map[string]any{"typed": new(tree), "any": new(any), "unknown field": new(struct{}), "channel": new(chan int)} {
		for _, depth := range []int{MaxDepth - 1, MaxDepth + 1, 70_000} {
			for _, in := range []string{
				strings.Repeat(`{"T":[`, depth),
				strings.Repeat(`{"T":[`, depth) + strings.Repeat(`]}`, depth),
			} {
				err := Unmarshal([]byte(in), into)
				if err == nil || !errors.Is(err, ErrTooDeep) && name != "channel" {
					t.Errorf("%s, %d levels: %v", name, depth, err)
				}
			}
		}
	}
}

func FuzzUnmarshalErrors(f *testing.F) {
	f.Add([]byte(`{"in":{"list":[7,"x"]}}`))
	f.Add([]byte(`{"M":{"a":{"X":[]}},"T":5}`))
	f.Add([]byte("{\"S\":[\"\xff\"]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, into := range []any{new(outer), new([]outer), new(chan int), new(map[string]inner)} {
			if err := Unmarshal(b, into); err != nil && (len(err.Error()) > 200 || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%q: %v", b, err)
			}
		}
	})
}
