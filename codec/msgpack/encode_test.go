package msgpack

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

type (
	named    string
	base     struct{ Base, Hidden int }
	pointed  struct{ Pointed string }
	shouting string
)

func (s *shouting) MarshalJSON() ([]byte, error) { return json.Marshal(strings.ToUpper(string(*s))) }

func (s *shouting) UnmarshalJSON(b []byte) error {
	var text string
	err := json.Unmarshal(b, &text)
	*s = shouting(strings.ToUpper(text))
	return err
}

type everything struct {
	base
	*pointed
	Hidden  string          `json:"Hidden"`
	Renamed int             `json:"re-named"`
	Skipped int             `json:"-"`
	Empty   string          `json:"empty,omitempty"`
	Zero    netip.Addr      `json:"zero,omitzero"`
	Quoted  int             `json:",string"`
	QuotedS string          `json:"qs,string"`
	QuotedP *bool           `json:"qp,string"`
	Number  json.Number     `json:"number"`
	Raw     json.RawMessage `json:"raw"`
	Addr    netip.Addr      `json:"addr"`
	Shout   shouting        `json:"shout"`
	Floats  [2]float32      `json:"floats"`
	Any     any             `json:"any"`
	Ints    map[int]uint8   `json:"ints"`
	Addrs   map[netip.Addr]bool
	Next    *everything `json:"next,omitempty"`
	unseen  int
}

func sample() *everything {
	yes := true
	return &everything{
		base: base{1, 2}, pointed: &pointed{"p"}, Hidden: "h", Renamed: 3, Skipped: 4, Quoted: 5, QuotedS: "q\"", QuotedP: &yes,
		Number: "12.50", Raw: json.RawMessage(`{"b":[1,{"a":null}],"a":"\u00e9"}`), Addr: netip.MustParseAddr("::1"), Shout: "x",
		Floats: [2]float32{1.5, 2}, Any: []any{map[string]any{"k": true}}, Ints: map[int]uint8{-1: 1, 2: 3},
		Addrs: map[netip.Addr]bool{netip.MustParseAddr("10.0.0.1"): true}, Next: &everything{Number: "1"}, unseen: 1,
	}
}

// TestAppendValueIsJSONs compares with what encoding/json reads of the values.
func TestAppendValueIsJSONs(t *testing.T) {
	number := 5
	for name, v := range map[string]any{
		"struct": sample(), "structs": []everything{*sample(), {}}, "named": named("x"), "pointer": &number,
		"nil pointer": (*int)(nil), "nil map": map[string]int(nil), "nil slice": []string(nil), "nil any slice": []any(nil), "nil any map": map[string]any(nil),
		"empty": []int{}, "array of bytes": [3]byte{1, 2, 3}, "named keys": map[named]int{"b": 1, "a": 2},
		"raw":     json.RawMessage(` [1 , {"a" : [ ] , "b":{}}, 1.0, -0, 1e2, 9223372036854775807, 18446744073709551615, true, false, "\ud83d\ude00"] `),
		"nil raw": json.RawMessage(nil), "long raw": json.RawMessage("[" + strings.Repeat(`[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,{"a":"b"}],`, 20) + "1]"),
		"big": big.NewInt(1 << 60), "value that marshals by pointer": shouting("x"), "not UTF-8": []string{"a\xffb"},
		"int8s": []int8{-1}, "uint16s": []uint16{1}, "bools": []bool{true}, "strings": [][]string{{"a"}, nil},
		"text keys": map[netip.Addr]int{netip.MustParseAddr("::1"): 1}, "uint keys": map[uint8]int{200: 1},
		"embedded twice": struct {
			*base
			pointed
		}{nil, pointed{"x"}},
	} {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(name, err)
		}
		wire, err := AppendValue(nil, v)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := AppendJSON(nil, wire)
		if err != nil || canonical(t, got) != canonical(t, want) {
			t.Errorf("%s: %v\ngot  %s\nwant %s", name, err, got, want)
		}
	}
}

// canonical evens out the spelling of numbers and the order of keys.
func canonical(t *testing.T, text []byte) string {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	out, _ := jsonenc.Append(nil, v)
	return string(out)
}

func TestAppendValueBeyondJSON(t *testing.T) {
	type blob []byte
	date := time.Unix(1, 0)
	for name, c := range map[string]struct {
		in   any
		want string
	}{
		"named bytes":        {blob{1}, "\xc4\x01\x01"},
		"nil bytes":          {[]byte(nil), "\xc0"},
		"bytes in a struct":  {struct{ B []byte }{[]byte{1}}, "\x81\xa1B\xc4\x01\x01"},
		"bytes in a map":     {map[string][]byte{"b": {1}}, "\x81\xa1b\xc4\x01\x01"},
		"date":               {date, "\xd6\xff\x00\x00\x00\x01"},
		"pointer to a date":  {&date, "\xd6\xff\x00\x00\x00\x01"},
		"dates":              {[]time.Time{date}, "\x91\xd6\xff\x00\x00\x00\x01"},
		"date in a struct":   {struct{ T *time.Time }{&date}, "\x81\xa1T\xd6\xff\x00\x00\x00\x01"},
		"raw":                {Raw("\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x05"), "\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x05"},
		"nil raw":            {Raw(nil), "\xc0"},
		"raw in a struct":    {struct{ R Raw }{Raw("\xc3")}, "\x81\xa1R\xc3"},
		"infinite":           {math.Inf(-1), "\xcb\xff\xf0\x00\x00\x00\x00\x00\x00"},
		"2^63":               {math.Ldexp(1, 63), "\xcf\x80\x00\x00\x00\x00\x00\x00\x00"},
		"2^64":               {math.Ldexp(1, 64), "\xcb\x43\xf0\x00\x00\x00\x00\x00\x00"},
		"-2^63":              {-math.Ldexp(1, 63), "\xd3\x80\x00\x00\x00\x00\x00\x00\x00"},
		"below -2^63":        {-math.Ldexp(1, 64), "\xcb\xc3\xf0\x00\x00\x00\x00\x00\x00"},
		"number":             {json.Number("1e2"), "\x64"},
		"raw JSON number":    {json.RawMessage("-129"), "\xd1\xff\x7f"},
		"omitted of 16 more": {seventeen{}, "\xde\x00\x01\xa1A\x00"},
	} {
		if got, err := AppendValue(nil, c.in); err != nil || string(got) != c.want {
			t.Errorf("%s: % x, %v; want % x", name, got, err, c.want)
		}
	}
}

type seventeen struct {
	A                                              int
	B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q int `json:",omitempty"`
}

func TestAppendValueErrors(t *testing.T) {
	type cyclic struct{ Next any }
	ring := &cyclic{}
	ring.Next = ring
	slice := []any{nil}
	slice[0] = slice
	m := map[string]any{}
	m["m"] = m
	type link *link
	var p link
	p = &p
	failure := errors.New("mine")
	for name, c := range map[string]struct {
		in  any
		err error
	}{
		"channel": {make(chan int), ErrUnsupported}, "function in a struct": {struct{ F func() }{func() {}}, ErrUnsupported},
		"complex": {[]complex128{1}, ErrUnsupported}, "map key": {map[float64]int{1: 1}, ErrUnsupported},
		"ring": {ring, ErrTooDeep}, "slice in itself": {slice, ErrTooDeep}, "map in itself": {m, ErrTooDeep}, "pointer to itself": {p, ErrTooDeep},
		"cut raw": {Raw("\x92\x01"), ErrMalformed}, "two raws": {[]Raw{Raw("\x01\x02")}, ErrMalformed}, "empty raw": {Raw{}, ErrMalformed},
		"broken JSON": {json.RawMessage(`{"a"`), jsonenc.ErrSyntax}, "two JSONs": {json.RawMessage(`1 2`), jsonenc.ErrSyntax}, "empty JSON": {json.RawMessage{}, jsonenc.ErrSyntax},
		"number beyond float64": {json.Number("-1e400"), ErrUnsupported}, "beyond float64 in JSON": {json.RawMessage(`[1e400]`), ErrUnsupported},
		"integer beyond float64": {new(big.Int).Lsh(big.NewInt(1), 2000), ErrUnsupported}, "year": {[]time.Time{time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}, ErrUnsupported},
		"key of an empty map": {map[struct{ a int }]int{}, ErrUnsupported}, "channel that is left out": {struct {
			C chan int `json:",omitempty"`
		}{}, ErrUnsupported},
		"broken number": {json.Number("1x"), ErrUnsupported}, "own error": {refusing{failure}, failure}, "own text's error": {map[refusingText]int{{failure}: 1}, failure},
	} {
		if b, err := AppendValue(nil, c.in); !errors.Is(err, c.err) || b != nil {
			t.Errorf("%s: % x, %v", name, b, err)
		}
	}
}

type refusing struct{ err error }

func (r refusing) MarshalJSON() ([]byte, error) { return nil, r.err }

type refusingText struct{ err error }

func (r refusingText) MarshalText() ([]byte, error) { return nil, r.err }

// FuzzTranscode turns JSON into MessagePack and back.
func FuzzTranscode(f *testing.F) {
	f.Add([]byte(` {"a" : [1, -1, 1.5, 1e300, true, null, "\u00e9\ud83d"], "b":{}, "a":[[[]]]} `))
	f.Add([]byte(`[` + strings.Repeat(`[{"a":1},`, 20) + `1` + strings.Repeat(`]`, 21)))
	f.Fuzz(func(t *testing.T, text []byte) {
		wire, err := AppendValue(nil, json.RawMessage(text))
		if errors.Is(err, ErrUnsupported) && strings.ContainsAny(string(text), "0123456789") {
			return // a number beyond float64
		}
		if text == nil || (err == nil) != jsonenc.Valid(text) {
			t.Fatalf("%q: %v", text, err)
		}
		if err != nil {
			return
		}
		back, err := AppendJSON(nil, wire)
		if err != nil {
			t.Fatalf("%q: % x: %v", text, wire, err)
		}
		again, err := AppendValue(nil, json.RawMessage(back))
		if err != nil || string(again) != string(wire) && !strings.ContainsAny(string(text), "eE") {
			t.Fatalf("%q: % x, then %q: % x, %v", text, wire, back, again, err)
		}
	})
}
