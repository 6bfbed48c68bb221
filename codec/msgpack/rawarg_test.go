package msgpack

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/socketio"
)

// TestRawArg writes arguments that are JSON with attachments, and reads them
// back.
func TestRawArg(t *testing.T) {
	p := func(n string) string { return `{"_placeholder":true,"num":` + n + `}` }
	a, b := []byte("A"), []byte("B")
	for _, tc := range []struct{ in, wire, back string }{
		{`{"z":9007199254740993,"a":[` + p("1") + `,` + p("0") + `]}`, "\x82\xa1z\xcf\x00\x20\x00\x00\x00\x00\x00\x01\xa1a\x92\xc4\x01B\xc4\x01A", `{"z":9007199254740993,"a":[` + p("0") + `,` + p("1") + `]}`},
		{" \n" + `{ "a" : ` + p("1") + ` , "b" : [ ` + p("1") + ` ] } `, "\x82\xa1a\xc4\x01B\xa1b\x91\xc4\x01B", `{"a":` + p("0") + `,"b":[` + p("1") + `]}`},
		{`-12345678901234567890`, "\xcb\xc3\xe5\x6a\x95\x31\x9d\x63\xe1", `-12345678901234567000`},
	} {
		wire, err := AppendValue(nil, socketio.NewRawArg([]byte(tc.in), [][]byte{a, b}))
		if err != nil || string(wire) != tc.wire {
			t.Errorf("%s: % x, %v; want % x", tc.in, wire, err, tc.wire)
		}
		arg, err := Arg(wire)
		if err != nil {
			t.Fatal(err)
		}
		if back, ok := arg.(socketio.RawArg); !ok || string(back.JSON()) != tc.back {
			t.Errorf("%s came back as %s", tc.in, back.JSON())
		}
	}
	if _, err := AppendValue(nil, socketio.NewRawArg([]byte(p("2")), [][]byte{a, b})); !errors.Is(err, socketio.ErrIllegalAttachments) {
		t.Errorf("illegal: %v", err)
	}
	const date = "\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x05"
	for wire, want := range map[string]any{
		"\xc4\x01A":                     a,
		date:                            time.UnixMilli(5).UTC(),
		"\x81\xa1a\x92\xc4\x01A" + date: map[string]any{"a": []any{a, time.UnixMilli(5).UTC()}},
		"\x91\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00": []any{math.Inf(1)},
	} {
		if got, err := Arg([]byte(wire)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("% x: %#v, %v; want %#v", wire, got, err, want)
		}
	}
	for _, bad := range []string{"", "\x01\x02", "\xd4\x05\x00"} {
		if got, err := Arg([]byte(bad)); err == nil {
			t.Errorf("% x: %v", bad, got)
		}
	}
}

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("mine") }

type panickingKey int

func (panickingKey) MarshalText() ([]byte, error) { panic("mine") }

// TestRefused is that of package socketio.
func TestRefused(t *testing.T) {
	type closed struct{ a int }
	for name, tc := range map[string]struct {
		arg  any
		want string
	}{
		"struct":          {closed{a: 1}, "msgpack.closed"},
		"pointer":         {&closed{}, "msgpack.closed"},
		"nil pointer":     {(*closed)(nil), "msgpack.closed"},
		"error":           {errors.New("x"), "errors.errorString"},
		"in a list":       {[]any{[]byte{1}, closed{}}, "msgpack.closed"},
		"in a map":        {map[string]any{"x": []any{&closed{}}}, "msgpack.closed"},
		"in a field":      {struct{ A any }{closed{}}, "msgpack.closed"},
		"panic":           {panicking{}, "panic while encoding: mine"},
		"panic in a list": {[]any{panicking{}}, "panic while encoding: mine"},
		"panic in a key":  {map[panickingKey]int{0: 1}, "panic while encoding: mine"},
	} {
		out, err := AppendEvent([]byte("4"), "/", 0, false, "e", []any{1, tc.arg})
		if err == nil || !strings.Contains(err.Error(), tc.want) || string(out) != "4" {
			t.Errorf("%s: %s, %v; want %q", name, out, err, tc.want)
		}
	}
	if _, err := AppendEvent(nil, "/", 0, false, "e", []any{panicking{}}); !errors.As(err, new(*jsonenc.PanicError)) {
		t.Errorf("%v is no PanicError", err)
	}
}
