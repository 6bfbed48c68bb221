package msgpack

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestDecodeValueReadsBack decodes what AppendValue wrote of all kinds of
// fields.
func TestDecodeValueReadsBack(t *testing.T) {
	want := sample()
	wire, err := AppendValue(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got, std everything
	got.pointed, std.pointed = &pointed{}, &pointed{}
	if err := json.Unmarshal(text, &std); err != nil {
		t.Fatal(err)
	}
	if err := DecodeValue(wire, &got); err != nil {
		t.Fatal(err)
	}
	// The number and the raw JSON are spelled again.
	if got.Number != "12.5" || canonical(t, got.Raw) != canonical(t, std.Raw) || string(got.Next.Raw) != "null" {
		t.Errorf("number %s, raw %s, %s", got.Number, got.Raw, got.Next.Raw)
	}
	got.Number, got.Raw = std.Number, std.Raw
	if !reflect.DeepEqual(got, std) {
		t.Errorf("got  %+v\nwant %+v", got, std)
	}
}

type upper struct{ s string }

func (u *upper) UnmarshalText(text []byte) error {
	u.s = strings.ToUpper(string(text))
	return nil
}

// into decodes raw into a new value of type T.
func into[T any](raw string) (any, error) {
	var v T
	err := DecodeValue([]byte(raw), &v)
	return v, err
}

func TestDecodeValue(t *testing.T) {
	at := time.UnixMilli(5).UTC()
	five := 5
	type inner struct {
		A *int
		B []byte `json:"b"`
	}
	const date = "\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x05"
	for _, c := range []struct {
		name   string
		decode func(raw string) (any, error)
		raw    string
		want   any
	}{
		{"uint8", into[uint8], "\xcc\xff", uint8(255)},
		{"int64", into[int64], "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", int64(math.MinInt64)},
		{"uint64", into[uint64], "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", uint64(math.MaxUint64)},
		{"int of a signed form", into[uint], "\xd0\x05", uint(5)},
		{"int of a float", into[int], float5, 5},
		{"int of a float32", into[int], "\xca\xc0\xa0\x00\x00", -5},
		{"float of an int", into[float64], "\xff", -1.0},
		{"float32", into[float32], float1p5, float32(1.5)},
		{"bool", into[bool], "\xc3", true},
		{"string", into[string], "\xd9\x02ab", "ab"},
		{"string not UTF-8", into[string], "\xa2a\xff", "a\ufffd"},
		{"string of a date", into[string], date, "1970-01-01T00:00:00.005Z"},
		{"named string", into[named], "\xa1x", named("x")},
		{"pointer", into[*int], "\x05", &five},
		{"date", into[time.Time], date, at},
		{"date of a string", into[time.Time], "\xb81970-01-01T00:00:00.005Z", at},
		{"date behind a pointer", into[*time.Time], date, &at},
		{"bin", into[[]byte], "\xc4\x01\xff", []byte{255}},
		{"bytes of base64 in a list", into[[][]byte], "\x91\xa4/w==", [][]byte{{255}}},
		{"bytes of numbers", into[[]byte], "\x92\x01\x02", []byte{1, 2}},
		{"empty bin", into[[]byte], "\xc4\x00", []byte{}},
		{"array, surplus dropped", into[[2]int], "\x93\x01\x02\x93\x01\x02\x03", [2]int{1, 2}},
		{"slice with nil and undefined", into[[]*int], "\x93\x05\xc0" + undefined, []*int{&five, nil, nil}},
		{"keys of all kinds", into[map[string]int], "\x85\xa1a\x01\x05\x02" + float1p5 + "\x03\xc3\x04\xc0\x05", map[string]int{"a": 1, "5": 2, "1.5": 3, "true": 4, "null": 5}},
		{"keys of all kinds, any", into[any], "\x83\xa1a\x01\xff\x02\xc2\x03", map[string]any{"a": 1.0, "-1": 2.0, "false": 3.0}},
		{"integer keys", into[map[int8]bool], "\x82\xff\xc3\xa15\xc2", map[int8]bool{-1: true, 5: false}},
		{"address keys", into[map[netip.Addr]int], "\x81\xa3::1\x01", map[netip.Addr]int{netip.MustParseAddr("::1"): 1}},
		{"undefined members are absent", into[map[string]any], "\x82\xa1a" + undefined + "\xa1b\xc0", map[string]any{"b": nil}},
		{"undefined members are absent, any", into[any], "\x82\xa1a" + undefined + "\xa1b\xc0", map[string]any{"b": nil}},
		{"struct", into[inner], "\x84\xa1A\x05\xa1B\xc4\x01\x01\xa1x\x91\x01\x05\x06", inner{&five, []byte{1}}},
		{"interface with its own JSON", into[*big.Int], "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", new(big.Int).SetUint64(math.MaxUint64)},
		{"json.RawMessage", into[json.RawMessage], "\x83\xa1b\xc4\x01\xff\xa1u" + undefined + "\x01\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", json.RawMessage(`{"b":"/w==","1":null}`)},
		{"json.RawMessage null", into[json.RawMessage], "\xc0", json.RawMessage("null")},
		{"json.Number", into[json.Number], "\xff", json.Number("-1")},
		{"json.Number of a string", into[json.Number], "\xa31e5", json.Number("1e5")},
		{"own text of a date", into[*upper], date, &upper{"1970-01-01T00:00:00.005Z"}},
		{"own text", into[upper], "\xa1x", upper{"X"}},
		{"quoted nil", into[everything], "\x83\xa6Quoted\xc0\xa2qp\xc0\xa2qs\xa3\"a\"", everything{QuotedS: "a"}},
		{"name in another case", into[everything], "\x81\xa8RE-NAMED\x05", everything{Renamed: 5}},
		{"unsigned keys", into[map[uint8]int], "\x81\xcc\xff\x05", map[uint8]int{255: 5}},
		{"own JSON behind a pointer", into[*shouting], "\xc0", (*shouting)(nil)},
		{"Raw", into[[]Raw], "\x92\xd4\x05\x00\x91\x01", []Raw{Raw("\xd4\x05\x00"), Raw("\x91\x01")}},
		{"X8 undefined", into[any], undefined, nil},
		{"X8 undefined pointer", into[*int], undefined, (*int)(nil)},
		{"nil leaves numbers", into[int], "\xc0", 0},
		{"deep", into[any], "\x92\x91\x91\x80\x05", []any{[]any{[]any{map[string]any{}}}, 5.0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.decode(c.raw)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %#v, %v; want %#v", got, err, c.want)
			}
		})
	}
}

func TestDecodeValueIntoWhatIsThere(t *testing.T) {
	type point struct{ X, Y *int }
	one, two := 1, 2
	p := point{&one, &two}
	if err := DecodeValue([]byte("\x82\xa1X\xc0\xa1Y"+undefined), &p); err != nil || p.X != nil || p.Y != &two {
		t.Errorf("nil and undefined: %+v, %v", p, err)
	}
	var v any = &one
	if err := DecodeValue([]byte("\x05"), &v); err != nil || one != 5 {
		t.Errorf("a pointer in an interface: %d, %v", one, err)
	}
	m := map[string]int{"a": 1, "b": 2}
	if err := DecodeValue([]byte("\x81\xa1a\x03"), &m); err != nil || !reflect.DeepEqual(m, map[string]int{"a": 3, "b": 2}) {
		t.Errorf("map: %v, %v", m, err)
	}
	array := [2]int{7, 8}
	if err := DecodeValue([]byte("\x91\x01"), &array); err != nil || array != [2]int{1, 0} {
		t.Errorf("array: %v, %v", array, err)
	}
}

// TestWideForms writes and reads the longest forms.
func TestWideForms(t *testing.T) {
	const n = 1 << 16
	m := map[int]bool{}
	for i := range n {
		m[i] = true
	}
	for code, v := range map[byte]any{
		codeStr8 + 1: strings.Repeat("s", n-1), codeStr32: strings.Repeat("s", n), codeBin8 + 1: make([]byte, n-1), codeBin32: make([]byte, n),
		codeArray16: make([]bool, n-1), codeArray32: make([]bool, n), codeMap32: m,
	} {
		wire, err := AppendValue(nil, v)
		if err != nil || wire[0] != code {
			t.Errorf("%x: % x, %v", code, wire[:5], err)
		}
		got := reflect.New(reflect.TypeOf(v))
		if err := DecodeValue(wire, got.Interface()); err != nil || !reflect.DeepEqual(got.Elem().Interface(), v) {
			t.Errorf("%x does not read back: %v", code, err)
		}
	}
}

func TestDecodeValueCopies(t *testing.T) {
	raw := []byte("\x84\xa1b\xc4\x01x\xa1s\xa1x\xa1r\xa1x\xa1m\x81\xa1x\xa1x")
	var v struct {
		B []byte
		S string
		R Raw
		M any
	}
	if err := DecodeValue(raw, &v); err != nil {
		t.Fatal(err)
	}
	clear(raw)
	if string(v.B) != "x" || v.S != "x" || string(v.R) != "\xa1x" || !reflect.DeepEqual(v.M, map[string]any{"x": "x"}) {
		t.Errorf("%+v points into the input", v)
	}
}

func TestDecodeValueErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		decode func(raw string) (any, error)
		raw    string
		err    error
	}{
		{"too large", into[int8], "\xcc\x80", ErrMismatch},
		{"too large for int64", into[int64], "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", ErrMismatch},
		{"negative", into[uint], "\xff", ErrMismatch},
		{"fraction", into[int], float1p5, ErrMismatch},
		{"no number", into[int], "\xca\x7f\xc0\x00\x00", ErrMismatch},
		{"float32 overflow", into[float32], "\xcb\x7f\xef\xff\xff\xff\xff\xff\xff", ErrMismatch},
		{"json.Number of NaN", into[json.Number], "\xca\x7f\xc0\x00\x00", ErrMismatch},
		{"json.Number of text", into[json.Number], "\xa21 ", ErrMismatch},
		{"base64 into bytes", into[[]byte], "\xa4/w==", ErrMismatch},
		{"base64 into bytes behind pointers", into[**[]byte], "\xa4/w==", ErrMismatch},
		{"string into int", into[int], "\xa15", ErrMismatch},
		{"int into string", into[string], "\x05", ErrMismatch},
		{"bin into string", into[string], "\xc4\x01a", ErrMismatch},
		{"array into struct", into[base], "\x91\x01", ErrMismatch},
		{"map into slice", into[[]int], "\x80", ErrMismatch},
		{"map into date", into[time.Time], "\x80", ErrMismatch},
		{"array into an address", into[netip.Addr], "\x90", ErrMismatch},
		{"quoted number bare", into[everything], "\x81\xa6Quoted\x05", ErrMismatch},
		{"unknown extension in JSON", into[json.RawMessage], "\xd4\x05\x00", ErrUnsupported},
		{"date of too many nanoseconds", into[upper], "\xd7\xff\xff\xff\xff\xff\x00\x00\x00\x00", ErrMalformed},
		{"int into own text", into[upper], "\x05", ErrMismatch},
		{"int into date", into[time.Time], "\x05", ErrMismatch},
		{"no base64", into[[]byte], "\xa1!", ErrMismatch},
		{"interface with methods", into[error], "\x05", ErrMismatch},
		{"nil pointer to an unexported struct", into[everything], "\x81\xa7Pointed\xa1x", ErrMismatch},
		{"key", into[map[int8]int], "\x81\xcc\x80\x01", ErrMismatch},
		{"map as key", into[any], "\x81\x80\x01", ErrUnsupported},
		{"bin as key", into[map[string]int], "\x81\xc4\x01a\x01", ErrUnsupported},
		{"extension", into[any], "\xd4\x05\x00", ErrUnsupported},
		{"extension into int", into[int], "\x91\xd5\x00\x00\x00"[1:], ErrUnsupported},
		{"trailing", into[int], "\x01\x02", ErrMalformed},
		{"empty", into[int], "", ErrMalformed},
		{"absent items", into[[]everything], "\xdd\xff\xff\xff\xff\xc0", ErrMalformed},
		{"too deep", into[any], strings.Repeat("\x91", MaxDepth+1) + "\xc0", ErrTooDeep},
	} {
		if got, err := c.decode(c.raw); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.err)
		}
	}
	if DecodeValue([]byte("\x01"), 5) == nil || DecodeValue([]byte("\x01"), (*int)(nil)) == nil ||
		DecodeValue([]byte("\xa1x"), (*string)(nil)) == nil || DecodeValue([]byte("\x01"), nil) == nil {
		t.Error("no pointer to decode into")
	}
	if got, err := into[time.Time]("\xa1x"); err == nil {
		t.Errorf("no date: %v", got)
	}
}

// TestErrorsQuoteNothing: errors, which are logged, have nothing of what a peer
// has sent.
func TestErrorsQuoteNothing(t *testing.T) {
	const text = "\xa6SECRET"
	for name, decode := range map[string]func(raw string) (any, error){
		"number":  into[json.Number],
		"time":    into[time.Time],
		"integer": into[int],
		"bytes":   into[[]byte],
	} {
		if _, err := decode(text); !errors.Is(err, ErrMismatch) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := into[map[int]int]("\x81" + text + "\x01"); !errors.Is(err, ErrMismatch) || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("key: %v", err)
	}
}

// TestHostileLengths decodes values that nest announcements of items that would
// need gigabytes.
func TestHostileLengths(t *testing.T) {
	raw := []byte(strings.Repeat("\xdd\x00\x00\xff\xff", 4000) + strings.Repeat("\xc0", 1<<16))
	before := testing.AllocsPerRun(1, func() {
		var v any
		if err := DecodeValue(raw, &v); !errors.Is(err, ErrMalformed) {
			t.Error(err)
		}
	})
	if before > 2 && !raceEnabled {
		t.Errorf("%v allocations", before)
	}
}

// FuzzDecodeValue decodes anything, and compares with encoding/json wherever
// that takes the same value's JSON.
func FuzzDecodeValue(f *testing.F) {
	for _, wire := range vectors(f) {
		f.Add(wire)
	}
	wire, _ := AppendValue(nil, sample())
	f.Add(wire)
	type target struct {
		base
		S string
		I int
		F float64
		B []byte
		T time.Time
		L []string
		M map[string]int
		N map[int8]*target2
		P *target2
		A [2]bool
		R netip.Addr
		Q int `json:",string"`
	}
	f.Add([]byte("\x84\xa1s\xa1x\xa1B\xc4\x01\xff\xa1T\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x05\xa1P\x81\xa1K\x05"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		err := DecodeValue(b, &v)
		text, jsonErr := AppendJSON(nil, b)
		if (err == nil) != (jsonErr == nil) {
			t.Fatalf("% x: %v, as JSON %v", b, err, jsonErr)
		}
		if err != nil {
			return
		}
		again, err := AppendValue(nil, v)
		var v2 any
		if err != nil || DecodeValue(again, &v2) != nil {
			t.Fatalf("% x: %#v gave % x, %v", b, v, again, err)
		}
		if last, err := AppendValue(nil, v2); err != nil || string(last) != string(again) {
			t.Fatalf("% x: % x, then % x, %v", b, again, last, err)
		}
		if beyondJSON(b) || strings.ContainsRune(string(text), '\ufffd') {
			return
		}
		var got, want target
		if json.Unmarshal(text, &want) != nil {
			_ = DecodeValue(b, &got) // may fit nevertheless, and must not panic
			return
		}
		if err := DecodeValue(b, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("% x: %s\ngot  %+v, %v\nwant %+v", b, text, got, err, want)
		}
	})
}

type target2 struct {
	K int8 `json:"k,omitempty"`
	V map[string]string
}

// beyondJSON reports whether the value may name a member twice, so that what is
// merged would differ, or has a number that JSON lacks.
func beyondJSON(b []byte) bool {
	seen := map[string]bool{}
	for i := 0; i < len(b); {
		h, size, err := readHead(b[i:])
		if err != nil {
			return true
		}
		if f := h.float(); h.kind == kindFloat && (math.IsNaN(f) || math.IsInf(f, 0)) {
			return true
		}
		if h.kind < kindArray {
			if h.kind == kindString && h.n > 0 {
				key := strings.ToLower(string(b[i+size : i+size+h.n]))
				if seen[key] {
					return true
				}
				seen[key] = true
			}
			size += h.n
		}
		i += size
	}
	return false
}
