package jsonenc

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func appendCases() map[string]struct {
	in   any
	want string
} {
	nan, zero := math.NaN(), math.Copysign(0, -1)
	type inner struct {
		Z float64 `json:"z"`
		A string  `json:"a,omitempty"`
	}
	type named string
	return map[string]struct {
		in   any
		want string
	}{
		"nil":                  {nil, `null`},
		"string":               {"<a href=\"x\">&\u2028\u2029😀\\\b\f\n\r\t\x00\x1f\x7f", `"<a href=\"x\">&` + "\u2028\u2029" + `😀\\\b\f\n\r\t\u0000\u001f` + "\x7f\""},
		"string not UTF-8":     {"a\xffb\xe2\x82c", "\"a\ufffdb\ufffd\ufffdc\""},
		"composite not UTF-8":  {[]string{"ok", "a\xffb"}, "[\"ok\",\"a\ufffdb\"]"},
		"composite not HTML":   {[]string{"<&>\u2028"}, "[\"<&>\u2028\"]"},
		"bool":                 {true, `true`},
		"int":                  {-12, `-12`},
		"int8":                 {int8(-1), `-1`},
		"int16":                {int16(-1), `-1`},
		"int32":                {int32(-1), `-1`},
		"int64":                {int64(math.MinInt64), `-9223372036854775808`},
		"uint":                 {uint(1), `1`},
		"uint8":                {uint8(1), `1`},
		"uint16":               {uint16(1), `1`},
		"uint32":               {uint32(1), `1`},
		"uint64":               {uint64(math.MaxUint64), `18446744073709551615`},
		"float":                {1.5, `1.5`},
		"float32":              {float32(0.1), `0.1`},
		"NaN":                  {nan, `null`},
		"infinity":             {math.Inf(-1), `null`},
		"NaN in an array":      {[]any{nan, math.Inf(1), 1}, `[null,null,1]`},
		"NaN behind a pointer": {&nan, `null`},
		"NaN in a map":         {map[string]float64{"b": nan, "a": 1}, `{"a":1,"b":null}`},
		"negative zero":        {zero, `0`},
		"nested negative zero": {[]any{zero, -0.5, "-0", `\"-0`, map[string]any{"-0": zero}}, `[0,-0.5,"-0","\\\"-0",{"-0":0}]`},
		"large":                {[]float64{1e21, 1e20, 123456789012345680000, -1e21}, `[1e+21,100000000000000000000,123456789012345680000,-1e+21]`},
		"small":                {[]float64{1e-6, 1e-7, 5e-324, 1.5e-10}, `[0.000001,1e-7,5e-324,1.5e-10]`},
		"struct":               {inner{Z: 1}, `{"z":1}`},
		"pointer to a struct":  {&inner{1, "x"}, `{"z":1,"a":"x"}`},
		"map keys sorted":      {map[string]any{"b": 1, "a": map[int]int{2: 1, 10: 2}}, `{"a":{"10":2,"2":1},"b":1}`},
		"date":                 {time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC), `"2026-11-22T01:02:03Z"`},
		"raw":                  {json.RawMessage(` {"a": [1]}`), ` {"a": [1]}`},
		"raw nil":              {json.RawMessage(nil), `null`},
		"raw in a struct":      {struct{ R json.RawMessage }{json.RawMessage(`{"a": 1}`)}, `{"R":{"a":1}}`},
		"raw not UTF-8":        {json.RawMessage("\"\xff\""), "\"\ufffd\""},
		"bytes are base64":     {[]byte("hi"), `"aGk="`},
		"named type":           {named("x"), `"x"`},
		"nil slice":            {[]int(nil), `null`},
	}
}

func TestAppend(t *testing.T) {
	for name, c := range appendCases() {
		t.Run(name, func(t *testing.T) {
			prefix := "42\xff"
			got, err := Append([]byte(prefix), c.in)
			if isPortable && strings.HasPrefix(name, "NaN ") {
				if err == nil || string(got) != prefix {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if isPortable && strings.HasPrefix(name, "composite ") { // with escapes
				var is, want any
				if json.Unmarshal(got[len(prefix):], &is) != nil || json.Unmarshal([]byte(c.want), &want) != nil || !reflect.DeepEqual(is, want) {
					t.Errorf("got  %q\nwant %q", got, prefix+c.want)
				}
				return
			}
			if string(got) != prefix+c.want {
				t.Errorf("got  %q\nwant %q", got, prefix+c.want)
			}
			if !Valid(got[len(prefix):]) {
				t.Error("not JSON")
			}
		})
	}
}

type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return []byte(`{"a"`), nil }

func TestAppendErrors(t *testing.T) {
	loop := map[string]any{}
	loop["self"] = loop
	for name, v := range map[string]any{
		"channel":           make(chan int),
		"broken raw":        json.RawMessage(`{"a"`),
		"two raw values":    json.RawMessage(`1 2`),
		"empty raw":         json.RawMessage{},
		"broken marshaler":  []any{failing{}},
		"broken nested raw": []json.RawMessage{[]byte("[")},
		"endless":           loop,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Append([]byte("head"), v)
			if err == nil || err.Error() == "" || string(got) != "head" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// TestAppendFloat compares with encoding/json, which prints as JavaScript does
// but for negative zero.
func TestAppendFloat(t *testing.T) {
	for _, f := range []float64{1, -1, 0.1, 1e20, 999999999999999900000, 1e21, 1.7976931348623157e308, 1e-6, 9.99e-7, 1e-10, 5e-324, 123456.789, 1 << 53} {
		for _, v := range []any{f, -f, float32(f)} {
			want, err := json.Marshal(v)
			if err != nil {
				continue // out of float32's range
			}
			if got, _ := Append(nil, v); string(got) != string(want) {
				t.Errorf("%T %v: got %s, want %s", v, v, got, want)
			}
		}
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	dst := make([]byte, 0, 1024)
	for name, v := range map[string]any{
		"string": strings.Repeat("a\"", 20), "int": 123456, "float": 1.5, "bool": true, "nil": nil,
		"raw": json.RawMessage(`{"a":[1,2]}`),
	} {
		if n := testing.AllocsPerRun(100, func() { _, _ = Append(dst, v) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestAppendUnquoted(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", `"abc"`, "abc"},
		{"empty", `""`, ""},
		{"escapes", `"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"},
		{"unicode", `"\u00e9\u4E2d"`, "é中"},
		{"pair", `"\ud83d\ude00"`, "😀"},
		{"lone high", `"\ud83dx"`, "\ufffdx"},
		{"lone low", `"\ude00x"`, "\ufffdx"},
		{"high then another", `"\ud83d\u0041"`, "\ufffdA"},
		{"high then pair", `"\ud83d\ud83d\ude00"`, "\ufffd😀"},
		{"not UTF-8", "\"a\xffb\"", "a\ufffdb"},
		{"high then escape", `"\ud83d\n"`, "\ufffd\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, n, err := AppendUnquoted([]byte("x"), []byte(c.in+" rest"))
			if err != nil || n != len(c.in) || string(got) != "x"+c.want {
				t.Errorf("got %q, %d, %v; want %q", got, n, err, c.want)
			}
			var std string
			if err := json.Unmarshal([]byte(c.in), &std); err != nil || std != c.want {
				t.Errorf("encoding/json: %q, %v", std, err)
			}
		})
	}
	for _, in := range []string{``, `abc`, `"abc`, `"\x"`, `"\u12g4"`} {
		if got, n, err := AppendUnquoted([]byte("x"), []byte(in)); err == nil || n != 0 || string(got) != "x" {
			t.Errorf("%q: got %q, %d, %v", in, got, n, err)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("plain", "\xff\"\\\x00\u2028")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, s := range []string{a, b, a + b} {
			literal := AppendString(nil, s)
			var std string
			if err := json.Unmarshal(literal, &std); err != nil {
				t.Fatalf("%q: %v", literal, err)
			}
			own, n, err := AppendUnquoted(nil, literal)
			if err != nil || n != len(literal) || string(own) != std || utf8.ValidString(s) && std != s {
				t.Fatalf("%q: own %q, encoding/json %q, %v", s, own, std, err)
			}
			viaSonic, err := Append(nil, []string{s})
			var back []string
			if err != nil || json.Unmarshal(viaSonic, &back) != nil || back[0] != std {
				t.Fatalf("%q in a slice: %q, %v", s, viaSonic, err)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	type message struct {
		Room string `json:"room"`
		Text string `json:"text"`
		Time int64  `json:"time"`
	}
	dst := make([]byte, 0, 1024)
	for name, v := range map[string]any{
		"string": strings.Repeat("0123456789", 10), "int": 123456789, "struct": &message{"lobby", "hello there", 1700000000},
		"map": map[string]any{"room": "lobby", "text": "hello there", "time": 1700000000},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Append(dst, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
