package socketio

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

type (
	blob   []byte
	octet  byte
	octets []octet
	hexed  []byte
	texted []byte
)

func (h hexed) MarshalJSON() ([]byte, error)   { return []byte(`"hexed"`), nil }
func (h *texted) MarshalText() ([]byte, error) { return []byte("texted"), nil }

type base struct {
	ID    int `json:"id"`
	Shown []byte
}

type picture struct {
	base
	*caption
	Name    string            `json:"name"`
	Data    []byte            `json:"data"`
	Thumb   []byte            `json:"thumb,omitempty"`
	Size    int64             `json:"size,string"`
	Skipped []byte            `json:"-"`
	Any     any               `json:"any"`
	Extra   map[string][]byte `json:"extra,omitempty"`
	Next    *picture          `json:"next,omitempty"`
	When    time.Time         `json:"when,omitzero"`
	Raw     json.RawMessage   `json:"raw,omitempty"`
	hidden  []byte
}

type caption struct {
	Text  string `json:"text"`
	Image []byte `json:"image"`
}

func TestAppendEvent(t *testing.T) {
	a, b, c := []byte{1, 2, 3}, []byte{4, 5, 6}, []byte{}
	p := func(n string) string { return `{"_placeholder":true,"num":` + n + `}` }
	for _, tc := range []struct {
		name, nsp   string
		args        []any
		want        string
		attachments []string
	}{
		{"no arguments", "/", nil, `2["e"]`, nil},
		{"S20", "/", []any{1, "2", map[string]any{"3": []bool{true}}}, `2["e",1,"2",{"3":[true]}]`, nil},
		{"namespace", "/admin", []any{1}, `2/admin,["e",1]`, nil},
		{"values", "/", []any{nil, true, -1.5, math.NaN(), uint64(7), json.RawMessage(`{"a":1}`), "é\u2028<"}, `2["e",null,true,-1.5,null,7,{"a":1},"é` + "\u2028" + `<"]`, nil},
		{"S21", "/", []any{a, b}, `52-["e",` + p("0") + `,` + p("1") + `]`, []string{"\x01\x02\x03", "\x04\x05\x06"}},
		{"binary in a namespace", "/a", []any{a}, `51-/a,["e",` + p("0") + `]`, []string{"\x01\x02\x03"}},
		{"S50 empty", "/", []any{c}, `51-["e",` + p("0") + `]`, []string{""}},
		{"the same twice", "/", []any{a, a}, `52-["e",` + p("0") + `,` + p("1") + `]`, []string{"\x01\x02\x03", "\x01\x02\x03"}},
		{"nil bytes", "/", []any{[]byte(nil), map[string][]byte{"a": nil}}, `2["e",null,{"a":null}]`, nil},
		{"named bytes", "/", []any{blob(a), octets{1}, [][]byte{a, nil, b}}, `54-["e",` + p("0") + `,` + p("1") + `,[` + p("2") + `,null,` + p("3") + `]]`, []string{"\x01\x02\x03", "\x01", "\x01\x02\x03", "\x04\x05\x06"}},
		{"bytes with a form of their own", "/", []any{hexed(a), []any{hexed(a), json.RawMessage(`[1]`)}}, `2["e","hexed",["hexed",[1]]]`, nil},
		{"own form beside binary", "/", []any{[]any{a, hexed(a), json.RawMessage(`[ 1 ]`), 1e21, math.Inf(1)}}, `51-["e",[` + p("0") + `,"hexed",[ 1 ],1e+21,null]]`, []string{"\x01\x02\x03"}},
		{"array of bytes is no binary", "/", []any{[3]byte{1, 2, 3}}, `2["e",[1,2,3]]`, nil},
		{"map in sorted order", "/", []any{map[string]any{"z": a, "a": b, "m": 1}}, `52-["e",{"a":` + p("0") + `,"m":1,"z":` + p("1") + `}]`, []string{"\x04\x05\x06", "\x01\x02\x03"}},
		{"number keys", "/", []any{map[int]any{2: a, 10: nil}}, `51-["e",{"10":null,"2":` + p("0") + `}]`, []string{"\x01\x02\x03"}},
		{"pointers", "/", []any{&a, (*[]byte)(nil), []any{&b}}, `52-["e",` + p("0") + `,null,[` + p("1") + `]]`, []string{"\x01\x02\x03", "\x04\x05\x06"}},
		{"struct without binary", "/", []any{picture{Name: "x", Size: 5}}, `2["e",{"id":0,"Shown":null,"name":"x","data":null,"size":"5","any":null}]`, nil},
		{"struct", "/", []any{&picture{
			base: base{1, a}, caption: &caption{"t", b}, Name: "x", Data: c, Size: 5, Skipped: a, hidden: a,
			Any: []any{a}, Extra: map[string][]byte{"k": b}, Next: &picture{Data: a}, Raw: json.RawMessage(`{"r": 1}`),
		}}, `56-["e",{"id":1,"Shown":` + p("0") + `,"text":"t","image":` + p("1") + `,"name":"x","data":` + p("2") + `,"size":"5","any":[` + p("3") +
			`],"extra":{"k":` + p("4") + `},"next":{"id":0,"Shown":null,"name":"","data":` + p("5") + `,"size":"0","any":null},"raw":{"r":1}}]`, []string{string(a), string(b), "", string(a), string(b), string(a)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, attachments, err := AppendEvent([]byte("4"), tc.nsp, 0, false, "e", tc.args)
			if err != nil {
				t.Fatal(err)
			}
			if string(out) != "4"+tc.want {
				t.Errorf("got  %s\nwant %s", out, "4"+tc.want)
			}
			if len(attachments) != len(tc.attachments) {
				t.Fatalf("%d attachments, want %d", len(attachments), len(tc.attachments))
			}
			for i, w := range tc.attachments {
				if string(attachments[i]) != w {
					t.Errorf("attachment %d: %q, want %q", i, attachments[i], w)
				}
			}
		})
	}
}

func TestAppendEventNames(t *testing.T) {
	for _, c := range []struct {
		event string
		id    uint64
		hasID bool
		want  string
	}{
		{"", 0, false, `2[""]`},
		{"q", 0, true, `20["q"]`},
		{"a\"b", math.MaxUint64, true, `218446744073709551615["a\"b"]`},
		{"\xff", 0, false, "2[\"\ufffd\"]"},
	} {
		if out, _, err := AppendEvent(nil, "/", c.id, c.hasID, c.event, nil); err != nil || string(out) != c.want {
			t.Errorf("got %s, %v; want %s", out, err, c.want)
		}
	}
}

func TestAppendAck(t *testing.T) {
	for _, c := range []struct {
		nsp  string
		id   uint64
		args []any
		want string
	}{
		{"/", 456, []any{1, "2", json.RawMessage(`{"3":[false]}`)}, `3456[1,"2",{"3":[false]}]`},
		{"/", 7, nil, `37[]`},
		{"/a", 0, []any{nil}, `3/a,0[null]`},
		{"/", 789, []any{[]byte{1}, []byte{2}}, `62-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`},
	} {
		if out, _, err := AppendAck(nil, c.nsp, c.id, c.args); err != nil || string(out) != c.want {
			t.Errorf("got %s, %v; want %s", out, err, c.want)
		}
	}
}

func TestAppendErrors(t *testing.T) {
	endless := map[string]any{"data": []byte{1}}
	endless["self"] = endless
	for name, args := range map[string][]any{
		"channel":               {1, make(chan int)},
		"channel beside binary": {[]any{[]byte{1}, make(chan int)}},
		"broken raw":            {json.RawMessage(`{`)},
		"endless":               {endless},
		"key of no kind":        {map[float64][]byte{1: {1}}},
	} {
		t.Run(name, func(t *testing.T) {
			out, attachments, err := AppendEvent([]byte("4"), "/", 0, false, "e", args)
			if err == nil || string(out) != "4" || attachments != nil {
				t.Errorf("AppendEvent: %.50s, %d, %v", out, len(attachments), err)
			}
			out, attachments, err = AppendAck([]byte("4"), "/", 1, args)
			if err == nil || string(out) != "4" || attachments != nil {
				t.Errorf("AppendAck: %.50s, %d, %v", out, len(attachments), err)
			}
		})
	}
	_, _, err := AppendEvent(nil, "/", 0, false, "e", []any{endless})
	if !errors.Is(err, jsonenc.ErrTooDeep) {
		t.Errorf("endless: %v", err)
	}
}

// walked is what the walk alone makes of v, which holds no binary.
func walked(v any) (string, error) {
	var e valueEncoder
	marked := []any{[]byte("mark"), v} // forces the walk down to v's own level
	if err := e.append(marked); err != nil {
		return "", err
	}
	const head = `[{"_placeholder":true,"num":0},`
	return string(e.b[len(head) : len(e.b)-1]), nil
}

type tricky struct {
	Upper   string
	Renamed int `json:"renamed"`
	Opts    struct {
		Empty  string         `json:"empty,omitempty"`
		Zero   time.Time      `json:"zero,omitzero"`
		Nil    *int           `json:"nil,omitempty"`
		Map    map[string]int `json:"map,omitempty"`
		Iface  any            `json:"iface,omitempty"`
		Array  [0]int         `json:"array,omitempty"`
		Struct struct{}       `json:"struct,omitempty"`
	}
	Quoted struct {
		I int     `json:",string"`
		F float64 `json:",string"`
		B bool    `json:",string"`
		S string  `json:",string"`
		P *int    `json:",string"`
		N *int    `json:",string"`
	}
	Texts map[textKey]int
	Text  *texted
	Hold  texted
	Any   any
	Same  `json:"same"`
	left
	right
	Odd  int `json:"odd name!"`
	Uint map[uint8]bool
}

type Same struct{ X int }

type left struct {
	Both  int
	Left  int
	Tag   int `json:"Tag"`
	Upper string
}

type right struct {
	Both  int
	Right int
	Tag   int
}

type textKey struct{ a int }

func (k textKey) MarshalText() ([]byte, error) { return []byte{'k', byte('0' + k.a)}, nil }

// TestWalkMatchesEncodingJSON compares the walk, on values without binary,
// with encoding/json, whose rules it follows.
func TestWalkMatchesEncodingJSON(t *testing.T) {
	one := 1
	v := &tricky{Upper: "u", Renamed: 2, Any: []any{1, "x", map[string]any{"b": nil, "a": 1.5}}, Texts: map[textKey]int{{2}: 2, {1}: 1}}
	v.Quoted.P, v.Quoted.S, v.Quoted.F, v.Text, v.Hold = &one, `a"b`, 1.5, &texted{1}, texted{2}
	v.left.Tag, v.right.Tag = 3, 4
	filled := *v
	filled.Opts.Empty, filled.Opts.Nil, filled.Opts.Iface, filled.Opts.Zero = "e", &one, 0, time.Unix(1, 0).UTC()
	filled.Opts.Map, filled.Uint = map[string]int{"k": 1}, map[uint8]bool{10: true, 9: false}
	for name, in := range map[string]any{
		"pointer": v, "filled": &filled, "zero": &tricky{}, "list": []any{1, nil, []any{}, map[string]any{}, [2]any{1}, []any(nil)},
		"picture": &picture{Any: map[string]any{"a": []any{true}}},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := json.Marshal(in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := walked(in)
			if err != nil || got != string(want) {
				t.Errorf("got  %s, %v\nwant %s", got, err, want)
			}
		})
	}
}

func TestAppendOthers(t *testing.T) {
	for want, got := range map[string][]byte{
		`0{"sid":"x"}`:                           AppendConnect(nil, "/", "x", ""),
		`0/admin,{"sid":"x","pid":"y"}`:          AppendConnect(nil, "/admin", "x", "y"),
		`1`:                                      AppendDisconnect(nil, "/"),
		`1/admin,`:                               AppendDisconnect(nil, "/admin"),
		`4/nope,{"message":"Invalid namespace"}`: AppendConnectError(nil, "/nope", "Invalid namespace", nil),
		`4{"message":"bad","data":null}`:         AppendConnectError(nil, "/", "bad", []byte("null")),
		`4{"message":"b\"d","data":{"a":1}}`:     AppendConnectError(nil, "/", `b"d`, []byte(`{"a":1}`)),
		`4/custom,"message"`:                     AppendHeader(nil, Header{Type: ConnectError, Namespace: []byte("/custom"), Data: []byte(`"message"`)}),
		`462-/a,7[]`:                             AppendHeader([]byte("4"), Header{Type: BinaryAck, Attachments: 2, Namespace: []byte("/a"), ID: 7, HasID: true, Data: []byte("[]")}),
		`40`:                                     AppendHeader([]byte("4"), Header{Type: Connect, Namespace: []byte("/")}),
	} {
		if string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	dst := make([]byte, 0, 512)
	plain := []any{"text", 12345, 1.5, true, nil, json.RawMessage(`{"a":[1]}`), uint64(1)}
	binary := []any{[]byte{1, 2, 3}}
	h := Header{Type: BinaryEvent, Attachments: 2, Namespace: []byte("/admin"), ID: 7, HasID: true, Data: []byte(`["a"]`)}
	for name, c := range map[string]struct {
		f    func()
		want float64
	}{
		"AppendHeader":       {func() { AppendHeader(dst, h) }, 0},
		"AppendEvent":        {func() { _, _, _ = AppendEvent(dst, "/admin", 7, true, "message", plain) }, 0},
		"AppendAck":          {func() { _, _, _ = AppendAck(dst, "/", 7, plain) }, 0},
		"AppendConnect":      {func() { AppendConnect(dst, "/", "e8rF0fHFlMO4Yh3TAAAA", "x") }, 0},
		"AppendDisconnect":   {func() { AppendDisconnect(dst, "/admin") }, 0},
		"AppendEvent binary": {func() { _, _, _ = AppendEvent(dst, "/", 0, false, "m", binary) }, 1}, // the list of attachments
	} {
		if n := testing.AllocsPerRun(100, c.f); n != c.want {
			t.Errorf("%s: %v allocations, want %v", name, n, c.want)
		}
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	type message struct {
		Room string `json:"room"`
		Text string `json:"text"`
	}
	dst := make([]byte, 0, 1024)
	for name, args := range map[string][]any{
		"string100":     {strings.Repeat("0123456789", 10)},
		"struct":        {&message{"lobby", "hello"}},
		"map":           {map[string]any{"room": "lobby", "text": "hello"}},
		"binary":        {[]byte{1, 2, 3}},
		"binary nested": {map[string]any{"room": "lobby", "data": []byte{1, 2, 3}}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := AppendEvent(dst, "/", 0, false, "message", args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
