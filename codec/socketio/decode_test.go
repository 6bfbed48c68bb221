package socketio

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

const (
	p0 = `{"_placeholder":true,"num":0}`
	p1 = `{"_placeholder":true,"num":1}`
)

var twoAttachments = [][]byte{{1, 2, 3}, {4, 5}}

type upload struct {
	Name  string `json:"name"`
	Data  []byte `json:"data"`
	Inner *upload
	Any   any
	More  map[string]blob
	Parts [2][]byte
	Size  int64 `json:",string"`
	Raw   json.RawMessage
	IDs   map[int8]any
	Texts map[textName][]byte
	Box
	N *int
}

type Box struct{ Boxed []byte }

type textName string

func (n *textName) UnmarshalText(b []byte) error {
	if string(b) == "bad" {
		return errors.New("bad name")
	}
	*n = textName("t-" + string(b))
	return nil
}

func TestDecodeArg(t *testing.T) {
	a, b := twoAttachments[0], twoAttachments[1]
	for _, c := range []struct {
		name, raw string
		target    any // pointer to a zero value
		want      any // nil: an error
	}{
		{"bytes", p1, new([]byte), b},
		{"bytes with space", " " + p1 + "\n", new([]byte), b},
		{"named bytes", p0, new(blob), blob(a)},
		{"pointer to bytes", p0, new(*[]byte), &a},
		{"any", p0, new(any), any(a)},
		{"nested any", `{"x":[1,` + p1 + `,"s",{"y":` + p0 + `,"n":null}],"z":[[],{}]}`, new(any),
			any(map[string]any{"x": []any{1.0, b, "s", map[string]any{"y": a, "n": nil}}, "z": []any{[]any{}, map[string]any{}}})},
		{"list of bytes", `[` + p1 + `,` + p0 + `,null]`, new([][]byte), [][]byte{b, a, nil}},
		{"array", `[` + p1 + `,1,2,{"x":[3]}]`, new([2]any), [2]any{b, 1.0}},
		{"short array", `[` + p1 + `]`, new([2]any), [2]any{b, nil}},
		{"map", `{"a":` + p1 + `,"b":null}`, new(map[string][]byte), map[string][]byte{"a": b, "b": nil}},
		{"escaped key", `{"\u0061":` + p1 + `}`, new(map[string]any), map[string]any{"a": b}},
		{"the same twice", `[` + p0 + `,` + p0 + `]`, new([][]byte), [][]byte{a, a}},
		{"struct", `{"NAME":"x","data":` + p0 + `,"inner":{"Data":` + p1 + `},"Any":[` + p0 + `],"More":{"k":` + p1 + `},"Parts":[` + p0 + `,` + p1 +
			`],"Size":"12","Raw":{"p": ` + p1 + `},"IDs":{"-7":` + p0 + `},"Texts":{"k":` + p1 + `},"Boxed":` + p0 + `,"unknown":[` + p1 + `],"N":5}`, new(upload),
			upload{Name: "x", Data: a, Inner: &upload{Data: b}, Any: []any{a}, More: map[string]blob{"k": b}, Parts: [2][]byte{a, b}, Size: 12,
				Raw: json.RawMessage(`{"p": ` + p1 + `}`), IDs: map[int8]any{-7: a}, Texts: map[textName][]byte{"t-k": b}, Box: Box{a}, N: new(5)}},
		{"null quoted", `{"Size":null,"data":` + p0 + `}`, new(upload), upload{Data: a}},
		{"null pointer", `{"Inner":null,"data":` + p0 + `}`, new(upload), upload{Data: a}},
		{"last duplicate wins", `{"data":` + p0 + `,"data":` + p1 + `}`, new(upload), upload{Data: b}},
		{"raw message stays", p0, new(json.RawMessage), json.RawMessage(p0)},
		{"type with its own decoding", `[` + p0 + `]`, new([]json.RawMessage), []json.RawMessage{json.RawMessage(p0)}},
		{"struct for a placeholder", `[` + p0 + `]`, new([]struct{ Num int }), []struct{ Num int }{{0}}},
		{"map for a placeholder", `[` + p1 + `]`, new([]map[string]json.RawMessage), []map[string]json.RawMessage{{"_placeholder": json.RawMessage("true"), "num": json.RawMessage("1")}}},
		{"plain value", `{"a":[1]}`, new(any), any(map[string]any{"a": []any{1.0}})},
		{"base64 for bytes in a list, as in encoding/json", `["aGk="]`, new([][]byte), [][]byte{[]byte("hi")}},
		{"text for bytes with a form of their own", `"::1"`, new(net.IP), net.ParseIP("::1")},
		{"null for bytes", `null`, new([]byte), []byte(nil)},
		{"escaped marker", `{"\u005fplaceholder":true,"n\u0075m":1}`, new([]byte), b},
		{"space in a placeholder", `{ "num" : 1 , "_placeholder" : true }`, new(any), any(b)},
		{"more members", `{"_placeholder":true,"x":{"y":[]},"num":1}`, new(any), any(b)},
		{"integer with exponent", `{"_placeholder":true,"num":1e0}`, new(any), any(b)},
		{"not marked", `{"_placeholder":false,"num":7}`, new(any), any(map[string]any{"_placeholder": false, "num": 7.0})},
		{"not strictly marked", `{"_placeholder":1,"num":7}`, new(any), any(map[string]any{"_placeholder": 1.0, "num": 7.0})},
		{"last marker wins", `[{"_placeholder":true,"num":7,"_placeholder":null},` + p0 + `]`, new(any), any([]any{map[string]any{"_placeholder": nil, "num": 7.0}, a})},
		{"last number wins", `{"_placeholder":true,"num":7,"num":0}`, new(any), any(a)},
		{"inside a placeholder nothing counts", `{"_placeholder":true,"num":0,"x":{"_placeholder":true,"num":9}}`, new(any), any(a)},
		{"marker in a string", `["_placeholder",` + p0 + `]`, new(any), any([]any{"_placeholder", a})},

		{"base64 for bytes", `"aGk="`, new([]byte), nil},
		{"base64 for named bytes behind pointers", `"aGk="`, new(**blob), nil},
		{"S44 number too large", `{"_placeholder":true,"num":5}`, new(any), nil},
		{"S44 number just too large", `[{"_placeholder":true,"num":2}]`, new(any), nil},
		{"S44 string number", `{"_placeholder":true,"num":"0"}`, new(any), nil},
		{"S44 negative", `{"_placeholder":true,"num":-1}`, new(any), nil},
		{"fraction", `{"_placeholder":true,"num":0.5}`, new(any), nil},
		{"no number", `{"_placeholder":true}`, new(any), nil},
		{"infinite", `{"_placeholder":true,"num":1e999}`, new(any), nil},
		{"not JSON", `[` + p0, new(any), nil},
		{"two values", p0 + p0, new(any), nil},
		{"no pointer", p0, upload{}, nil},
		{"nil pointer", p0, (*upload)(nil), nil},
		{"nil pointer to bytes", p0, (*[]byte)(nil), nil},
		{"wrong type beside", `{"name":1,"data":` + p0 + `}`, new(upload), nil},
		{"wrong type for a placeholder", `[` + p0 + `]`, new([]string), nil},
		{"text type for a placeholder", `[` + p0 + `]`, new([]net.IP), nil},
		{"key out of range", `{"IDs":{"200":` + p0 + `}}`, new(upload), nil},
		{"bad key", `{"Texts":{"bad":` + p0 + `}}`, new(upload), nil},
		{"key of no kind", `{"x":` + p0 + `}`, new(map[float64]any), nil},
		{"quoted without quotes", `{"Size":12,"data":` + p0 + `}`, new(upload), nil},
		{"number out of range", `[` + p0 + `,1e400]`, new(any), nil},
		{"nested interface with methods", `[` + p0 + `]`, new([]fmt.Stringer), nil},
		{"embedded pointer to an unexported struct", `{"text":` + p0 + `}`, new(struct{ *caption }), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := []byte(c.raw)
			err := DecodeArg(raw, twoAttachments, c.target)
			clear(raw) // what is decoded must not point into it
			if c.want == nil {
				if err == nil {
					t.Errorf("decoded %+v", reflect.ValueOf(c.target).Elem())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := reflect.ValueOf(c.target).Elem().Interface(); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %#v\nwant %#v", got, c.want)
			}
		})
	}
}

// TestDecodeArgPlain covers S46: without attachments a placeholder is an
// object.
func TestDecodeArgPlain(t *testing.T) {
	var v any
	if err := DecodeArg([]byte(p0), nil, &v); err != nil || !reflect.DeepEqual(v, map[string]any{"_placeholder": true, "num": 0.0}) {
		t.Errorf("got %#v, %v", v, err)
	}
}

func TestDecodeArgSparesOtherAttachments(t *testing.T) {
	block := []byte{1, 2, 3, 4}
	var first []byte
	if err := DecodeArg([]byte(p0), [][]byte{block[:2], block[2:]}, &first); err != nil {
		t.Fatal(err)
	}
	if _ = append(first, 9); block[2] != 3 {
		t.Error("appending to one attachment overwrote the next")
	}
}

// TestDecodeArgIsLinear decodes what would take minutes if each level passed
// over the levels below it.
func TestDecodeArgIsLinear(t *testing.T) {
	filler := strings.Repeat(`"x",`, 1<<16)
	deep := func(open, end string) []byte {
		n := jsonenc.MaxDepth - 2
		return []byte(strings.Repeat(open, n) + "[" + filler + p0 + "]" + strings.Repeat(end, n))
	}
	var v any
	if err := DecodeArg(deep("[", "]"), twoAttachments, &v); err != nil {
		t.Error(err)
	}
	type node struct {
		Next *node
		Any  []any
	}
	var n node
	nested := strings.Repeat(`{"Next":`, jsonenc.MaxDepth-2) + `{"Any":[` + p0 + `]}` + strings.Repeat("}", jsonenc.MaxDepth-2)
	if err := DecodeArg([]byte(nested), twoAttachments, &n); err == nil {
		t.Error("a placeholder below the depth limit was decoded")
	}
	nested = strings.Repeat(`{"Next":`, jsonenc.MaxDepth-4) + `{"Any":[` + p0 + `]}` + strings.Repeat("}", jsonenc.MaxDepth-4)
	if err := DecodeArg([]byte(nested), twoAttachments, &n); err != nil {
		t.Error(err)
	}
}

func TestReconstructor(t *testing.T) {
	start := func(t *testing.T, wire string, maxBytes int) *Reconstructor {
		t.Helper()
		b := []byte(wire)
		h, err := ParseHeader(b, DefaultMaxAttachments)
		if err != nil {
			t.Fatal(err)
		}
		r := new(Reconstructor)
		if err := r.Start(h, maxBytes); err != nil {
			t.Fatal(err)
		}
		clear(b) // the header must have been copied
		return r
	}

	t.Run("S21 two attachments", func(t *testing.T) {
		r := start(t, `52-/a,7["m",`+p0+`,`+p1+`]`, 0)
		message := []byte{1, 2, 3}
		if done, err := r.Add(message); done || err != nil || !r.Pending() {
			t.Fatalf("first: %v, %v", done, err)
		}
		if want := len("/a"+`["m",`+p0+`,`+p1+`]`) + 3; r.Held() != want {
			t.Errorf("%d bytes are held, want %d", r.Held(), want)
		}
		message[0] = 9
		if done, err := r.Add(nil); !done || err != nil || r.Pending() {
			t.Fatalf("second: %v, %v", done, err)
		}
		if _, err := r.Add(message); !errors.Is(err, ErrUnexpectedBinary) {
			t.Errorf("third: %v", err)
		}
		h, attachments := r.Take()
		if got := describe(h); got != `5 /a attachments=2 id=7 ["m",`+p0+`,`+p1+`]` {
			t.Errorf("header %s", got)
		}
		if !reflect.DeepEqual(attachments, [][]byte{{1, 2, 3}, {}}) {
			t.Errorf("attachments %v", attachments)
		}
		if r.Pending() || r.Held() != 0 {
			t.Errorf("pending after Take, or %d bytes are held", r.Held())
		}
	})

	t.Run("S42 binary without header", func(t *testing.T) {
		var r Reconstructor
		if _, err := r.Add([]byte{1}); !errors.Is(err, ErrUnexpectedBinary) || r.Pending() {
			t.Errorf("got %v", err)
		}
	})

	for name, c := range map[string]struct {
		wire string
		err  error
	}{
		"S44 number too large":  {`51-["a",{"_placeholder":true,"num":5}]`, ErrIllegalAttachments},
		"S44 string number":     {`51-["a",{"_placeholder":true,"num":"0"}]`, ErrIllegalAttachments},
		"S44 negative":          {`51-["a",{"_placeholder":true,"num":-1}]`, ErrIllegalAttachments},
		"nested":                {`51-["a",{"x":[{"_placeholder":true,"num":1}]}]`, ErrIllegalAttachments},
		"S45 unused attachment": {`51-["a"]`, nil},
		"S45 used twice":        {`51-["a",` + p0 + `,` + p0 + `]`, nil},
		"no payload":            {`51-`, nil},
		"not marked":            {`51-["a",{"_placeholder":"true","num":9}]`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, c.wire, 0)
			done, err := r.Add([]byte{1})
			if !errors.Is(err, c.err) || done != (c.err == nil) || r.Pending() {
				t.Errorf("got %v, %v; want %v", done, err, c.err)
			}
		})
	}

	t.Run("limit of bytes", func(t *testing.T) {
		const wire = `52-["m"]`
		size := len(`/["m"]`)
		r := start(t, wire, size+3)
		if _, err := r.Add([]byte{1, 2}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Add([]byte{1, 2}); !errors.Is(err, ErrAttachmentsTooLarge) || r.Pending() {
			t.Errorf("one byte too many: %v", err)
		}
		r = start(t, wire, size+3)
		if _, err := r.Add([]byte{1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		if done, err := r.Add(nil); !done || err != nil {
			t.Errorf("exactly the limit: %v, %v", done, err)
		}
		h, _ := ParseHeader([]byte(wire), DefaultMaxAttachments)
		if err := r.Start(h, size-1); !errors.Is(err, ErrAttachmentsTooLarge) || r.Pending() {
			t.Errorf("header alone: %v", err)
		}
	})
}

func FuzzDecodeArg(f *testing.F) {
	for _, s := range []string{p0, `[` + p1 + `,{"a":` + p0 + `}]`, `{"name":"x","data":` + p0 + `,"Inner":{"Any":[` + p1 + `]},"IDs":{"1":2},"Size":"3"}`, `{"\u005fplaceholder":true,"num":1.0}`, `"aGk="`, `1e400`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var value any
		errAny := DecodeArg(b, twoAttachments, &value)
		var u upload
		_ = DecodeArg(b, twoAttachments, &u)
		var list []map[string][]byte
		_ = DecodeArg(b, twoAttachments, &list)
		var bytes []byte
		_ = DecodeArg(b, twoAttachments, &bytes)
		if errAny != nil {
			return
		}
		if found, _ := findPlaceholders(b, len(twoAttachments)); len(found) == 0 {
			var plain any
			if err := jsonenc.Unmarshal(b, &plain); err != nil || !reflect.DeepEqual(value, plain) {
				t.Fatalf("%q: %v, without attachments %v, %v", b, value, plain, err)
			}
		}
		// What was decoded, sent and received again is the same.
		wire, attachments, err := AppendEvent(nil, "/", 0, false, "e", []any{value})
		if err != nil || len(attachments) == 0 {
			return
		}
		h, err := ParseHeader(wire, len(attachments))
		if err != nil {
			t.Fatalf("%q: %v", wire, err)
		}
		_, args, err := SplitEvent(h.Data)
		raw, ok := args.Next()
		if err != nil || !ok {
			t.Fatalf("%q: %v", wire, err)
		}
		var again any
		if err := DecodeArg(raw, attachments, &again); err != nil || !reflect.DeepEqual(value, again) {
			t.Fatalf("%q: %v, then %v, %v", wire, value, again, err)
		}
	})
}

func BenchmarkDecodeArg(b *testing.B) {
	bench := func(name, raw string, attachments [][]byte, target any) {
		b.Run(name, func(b *testing.B) {
			data := []byte(raw)
			b.ReportAllocs()
			for b.Loop() {
				if err := DecodeArg(data, attachments, target); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	bench("struct", `{"name":"someone","Size":"5"}`, nil, new(upload))
	bench("bytes", p0, twoAttachments, new([]byte))
	bench("struct with bytes", `{"name":"someone","data":`+p0+`}`, twoAttachments, new(upload))
	bench("any with bytes", `{"name":"someone","data":`+p0+`}`, twoAttachments, new(any))
}
