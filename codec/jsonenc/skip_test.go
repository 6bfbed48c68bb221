package jsonenc

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

var skipCases = []struct {
	name, in string
	n        int // 0: ErrSyntax
}{
	{"empty", "", 0},
	{"space", " \t\r\n", 0},
	{"null", "null", 4},
	{"leading space counts", " \n true", 7},
	{"trailing bytes are left", `"a"x`, 3},
	{"cut literal", "tru", 0},
	{"wrong literal", "nulL", 0},
	{"integer", "-12,", 3},
	{"leading zero", "01", 0},
	{"zero alone", "0]", 1},
	{"minus alone", "-", 0},
	{"plus", "+1", 0},
	{"fraction", "1.25e+10", 8},
	{"cut fraction", "1.", 0},
	{"cut exponent", "1e-", 0},
	{"bare fraction", ".5", 0},
	{"out of range is syntax still", "1e400", 5},
	{"string", `"abc"`, 5},
	{"long string", `"0123456789abcdef\"0123456789"`, 30},
	{"open string", `"0123456789`, 0},
	{"open after backslash", `"\`, 0},
	{"control in a word", "\"0123\x1f4567\"", 0},
	{"control in the tail", "\"\x00\"", 0},
	{"delete character", "\"\x7f\"", 3},
	{"escapes", `"\"\\\/\b\f\n\r\t\u00aF"`, 24},
	{"unknown escape", `"\x"`, 0},
	{"cut hex", `"\u12"`, 0},
	{"not UTF-8", "\"\xff\"", 3},
	{"array", "[1, 2 ,[] ,{}]", 14},
	{"trailing comma", "[1,]", 0},
	{"leading comma", "[,1]", 0},
	{"no comma", "[1 2]", 0},
	{"open array", "[1", 0},
	{"wrong bracket", "[1}", 0},
	{"object", `{"a" : 1, "b":{"c":[]}}`, 23},
	{"key not a string", "{1:2}", 0},
	{"no colon", `{"a"}`, 0},
	{"no value", `{"a":}`, 0},
	{"trailing comma in object", `{"a":1,}`, 0},
	{"wrong brace", `{"a":1]`, 0},
	{"siblings of differing kind", `[{"a":[]},[{"b":1}]]`, 20},
}

func TestSkip(t *testing.T) {
	for _, c := range skipCases {
		t.Run(c.name, func(t *testing.T) {
			n, err := Skip([]byte(c.in))
			if n != c.n || (err != nil) != (c.n == 0) || err != nil && !errors.Is(err, ErrSyntax) {
				t.Errorf("Skip(%q) = %d, %v; want %d", c.in, n, err, c.n)
			}
			if c.n > 0 && !json.Valid([]byte(c.in[:c.n])) {
				t.Errorf("encoding/json refuses %q", c.in[:c.n])
			}
		})
	}
}

func TestSkipDepth(t *testing.T) {
	nest := func(open, in, end string, n int) []byte {
		return []byte(strings.Repeat(open, n) + in + strings.Repeat(end, n))
	}
	for _, c := range []struct {
		name, open, end string
		levels          int // of which each opens so much that one more is too deep
	}{
		{"arrays", "[", "]", MaxDepth},
		{"objects", `{"a":`, "}", MaxDepth},
		{"mixed", `[{"a":`, "}]", MaxDepth / 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			levels := c.levels
			in := nest(c.open, "1", c.end, levels)
			if n, err := Skip(in); n != len(in) || err != nil {
				t.Fatalf("%d levels: length %d, %v", levels, n, err)
			}
			var v any
			if err := Unmarshal(in, &v); err != nil {
				t.Errorf("Unmarshal refuses what Skip lets pass: %.60s", err)
			}
			in = nest(c.open, "1", c.end, levels+1)
			if _, err := Skip(in); !errors.Is(err, ErrTooDeep) {
				t.Errorf("%d levels: %v, want ErrTooDeep", levels+1, err)
			}
		})
	}
	open := []byte(strings.Repeat("[", 1<<20))
	if _, err := Skip(open); !errors.Is(err, ErrTooDeep) {
		t.Errorf("a megabyte of brackets: %v", err)
	}
}

func TestValid(t *testing.T) {
	for in, want := range map[string]bool{` [1] `: true, `[1] x`: false, ``: false, `1`: true, `nul`: false} {
		if Valid([]byte(in)) != want {
			t.Errorf("Valid(%q) = %v", in, !want)
		}
	}
}

func TestTrimSpace(t *testing.T) {
	for in, want := range map[string]string{"": "", " \t": "", " a b\r\n": "a b", "\v1": "\v1"} {
		if got := string(TrimSpace([]byte(in))); got != want {
			t.Errorf("TrimSpace(%q) = %q", in, got)
		}
	}
}

func TestSkipDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	in := []byte(`["hello",{"a":[1,2,3],"b":"text \" more"}]`)
	if n := testing.AllocsPerRun(100, func() { _, _ = Skip(in) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzSkip(f *testing.F) {
	for _, c := range skipCases {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		valid := Valid(b)
		_, err := Skip(b)
		if errors.Is(err, ErrTooDeep) {
			return
		}
		if valid != json.Valid(b) {
			t.Fatalf("Valid(%q) = %v, encoding/json says otherwise", b, valid)
		}
		if n, err := Skip(b); err == nil && !json.Valid(b[:n]) {
			t.Fatalf("Skip(%q) = %d, which is not a value", b, n)
		}
		var v any
		if err := Unmarshal(b, &v); err == nil && !valid {
			t.Fatalf("Unmarshal takes %q", b)
		}
	})
}

func BenchmarkSkip(b *testing.B) {
	for name, in := range map[string]string{
		"hello":  `["hello",{"name":"someone","age":42,"ok":true}]`,
		"string": `["` + strings.Repeat("0123456789", 10) + `"]`,
		"1KB":    `[` + strings.Repeat(`{"id":12345,"name":"someone","tags":["a","b"],"x":1.5},`, 18) + `null]`,
	} {
		b.Run(name, func(b *testing.B) {
			data := []byte(in)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Skip(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestWellFormed(t *testing.T) {
	for text, want := range map[string]bool{
		`"a\\ud800\n\ufffd"`: true, `{"\ud83d\ude00":"\u0041"}`: true, "\"\ufffd\"": true, `1`: true, ``: true,
		`"\ud800"`: false, `["x","\udc00"]`: false, `"\ud800\u0041"`: false, `"\ud800\ud83d\ude00"`: false, "\"\xff\"": false,
		`"\uD83D\uDE00\uDe00"`: false,
	} {
		if got := WellFormed([]byte(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
