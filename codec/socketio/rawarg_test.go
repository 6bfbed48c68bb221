package socketio

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// TestRawArg: what is encoded already keeps its digits and its order, and gets
// the numbers that its attachments have in the new packet.
func TestRawArg(t *testing.T) {
	p := func(n string) string { return `{"_placeholder":true,"num":` + n + `}` }
	a, b, c := []byte("A"), []byte("B"), []byte("C")
	raw := func(text string, attachments ...[]byte) RawArg { return NewRawArg([]byte(text), attachments) }
	for _, tc := range []struct {
		name        string
		args        []any
		want        string
		attachments string
	}{
		{"no attachments", []any{raw(`{"z": 9007199254740993, "a":1e400}`)}, `2["e",{"z": 9007199254740993, "a":1e400}]`, ""},
		{"zero", []any{RawArg{}, raw("")}, `2["e",null,]`, ""},
		{"as it came", []any{raw(`{"z":9007199254740993,"a":[`+p("1")+`,`+p("0")+`]}`, a, b)}, `52-["e",{"z":9007199254740993,"a":[` + p("0") + `,` + p("1") + `]}]`, "BA"},
		{"behind another", []any{c, raw(p("0")+" ", a)}, `52-["e",` + p("0") + `,` + p("1") + ` ]`, "CA"},
		{"the same twice", []any{raw(`[`+p("1")+`,`+p("1")+`,`+p("0")+`]`, a, b), raw(p("1"), a, b)}, `53-["e",[` + p("0") + `,` + p("0") + `,` + p("1") + `],` + p("2") + `]`, "BAB"},
		{"not all used", []any{raw(`[1.50,`+p("2")+`]`, a, b, c)}, `51-["e",[1.50,` + p("0") + `]]`, "C"},
		{"none used", []any{raw(`[1]`, a)}, `2["e",[1]]`, ""},
		{"other forms", []any{raw(`{ "num" : 1e0 , "\u005fplaceholder" : true }`, a, b)}, `51-["e",` + p("0") + `]`, "B"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.name == "zero" {
				tc.args, tc.want = tc.args[:1], `2["e",null]`
			}
			out, attachments, err := AppendEvent(nil, "/", 0, false, "e", tc.args)
			if err != nil || string(out) != tc.want {
				t.Errorf("got  %s, %v\nwant %s", out, err, tc.want)
			}
			var all strings.Builder
			for _, a := range attachments {
				all.Write(a)
			}
			if all.String() != tc.attachments {
				t.Errorf("attachments %q, want %q", all.String(), tc.attachments)
			}
		})
	}

	text, err := json.Marshal([]any{raw(`[`+p("1")+`,12345678901234567890]`, a, b), RawArg{}})
	if want := `[["Qg==",12345678901234567890],null]`; err != nil || string(text) != want {
		t.Errorf("as JSON: %s, %v; want %s", text, err, want)
	}
	for _, bad := range []RawArg{raw(p("2"), a, b), raw(`{"_placeholder":true}`, a), raw(`[`, a)} {
		if out, attachments, err := AppendAck([]byte("4"), "/", 0, []any{c, bad}); err == nil || string(out) != "4" || attachments != nil {
			t.Errorf("%s: %s, %v", bad.JSON(), out, err)
		}
		if out, err := bad.AppendJSON([]byte("4")); err == nil || string(out) != "4" {
			t.Errorf("%s: %s, %v", bad.JSON(), out, err)
		}
	}
}

type panicking struct{ Data []byte }

func (panicking) MarshalText() ([]byte, error) { panic("mine") }

type panickingKey int

func (panickingKey) MarshalText() ([]byte, error) { panic("mine") }

// TestRefused: what would vanish is refused wherever it is, and a method's
// panic is an error; dst is unchanged.
func TestRefused(t *testing.T) {
	type closed struct{ a int }
	binary := []byte{1}
	for name, tc := range map[string]struct {
		arg  any
		want string
	}{
		"struct":           {closed{a: 1}, "socketio.closed"},
		"pointer":          {&closed{}, "socketio.closed"},
		"nil pointer":      {(*closed)(nil), "socketio.closed"},
		"error":            {errors.New("x"), "errors.errorString"},
		"behind binary":    {[]any{binary, closed{}}, "socketio.closed"},
		"before binary":    {[]any{closed{}, binary}, "socketio.closed"},
		"in a map":         {map[string]any{"x": []any{&closed{}}}, "socketio.closed"},
		"in a field":       {struct{ A any }{closed{}}, "socketio.closed"},
		"panic":            {panicking{}, "panic while encoding: mine"},
		"panic in a list":  {[]any{binary, panicking{}}, "panic while encoding: mine"},
		"panic in a key":   {map[string]any{"x": binary, "y": map[panickingKey]int{0: 1}}, "panic while encoding: mine"},
		"panic by binary":  {map[panickingKey]any{0: binary}, "panic while encoding: mine"},
		"map key":          {map[closed]any{}, "map key"},
		"map key in a map": {map[string]any{"a": binary, "b": map[float64]int(nil)}, "map key"},
	} {
		out, attachments, err := AppendEvent([]byte("4"), "/", 0, false, "e", []any{1, tc.arg})
		if err == nil || !strings.Contains(err.Error(), tc.want) || string(out) != "4" || attachments != nil {
			t.Errorf("%s: %s, %v; want %q", name, out, err, tc.want)
		}
	}
	if _, _, err := AppendEvent(nil, "/", 0, false, "e", []any{panicking{}}); !errors.As(err, new(*jsonenc.PanicError)) {
		t.Errorf("%v is no PanicError", err)
	}
}

// TestRawArgLooksLikePlaceholder: a client's object that looks like a
// placeholder is plain data without attachments, and is refused beside the
// binary values of others.
func TestRawArgLooksLikePlaceholder(t *testing.T) {
	for _, text := range []string{
		`{"_placeholder":true,"num":0}`,
		`[1,{"a":{"num":7,"\u005fplaceholder":true}}]`,
	} {
		fake := NewRawArg([]byte(text), nil)
		out, attachments, err := AppendEvent(nil, "/", 0, false, "e", []any{fake})
		if err != nil || len(attachments) > 0 || string(out) != `2["e",`+text+`]` {
			t.Errorf("alone: %s, %v", out, err)
		}
		for where, args := range map[string][]any{
			"before":          {fake, []byte("A")},
			"behind":          {[]byte("A"), fake},
			"behind a RawArg": {NewRawArg([]byte(`{"_placeholder":true,"num":0}`), [][]byte{{1}}), fake},
		} {
			if out, _, err := AppendEvent([]byte("x"), "/", 0, false, "e", args); err != ErrIllegalAttachments || string(out) != "x" {
				t.Errorf("%s in an event: %q, %v", where, out, err)
			}
			if out, _, err := AppendAck([]byte("x"), "/", 0, args); err != ErrIllegalAttachments || string(out) != "x" {
				t.Errorf("%s in an acknowledgement: %q, %v", where, out, err)
			}
			if out, _, err := AppendArgs([]byte("x"), args); err != ErrIllegalAttachments || string(out) != "x" {
				t.Errorf("%s among arguments: %q, %v", where, out, err)
			}
		}
	}
	if out, _, err := AppendEvent(nil, "/", 0, false, "e", []any{NewRawArg([]byte(`{"_placeholder":1}`), nil), []byte("A")}); err != nil {
		t.Errorf("%s, %v", out, err)
	}
}
