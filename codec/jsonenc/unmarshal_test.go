package jsonenc

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestUnmarshal(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     any // nil: an error
	}{
		{"not UTF-8", "\"a\xffb\"", "a\ufffdb"},
		{"lone surrogate", `"\ud800"`, "\ufffd"},
		{"control character", "\"a\x01\"", nil},
		{"last duplicate wins", `{"a":1,"a":2}`, map[string]any{"a": 2.0}},
		{"out of range", "1e400", nil},
		{"trailing bytes", "1 2", nil},
		{"leading zero", "01", nil},
		{"space around", " [1] ", []any{1.0}},
		{"prototype", `{"__proto__":{"x":1},"constructor":2}`, map[string]any{"__proto__": map[string]any{"x": 1.0}, "constructor": 2.0}},
		{"too deep", strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v any
			err := Unmarshal([]byte(c.in), &v)
			if c.want == nil {
				if err == nil {
					t.Errorf("%q gave %v", c.in, v)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(v, c.want) {
				t.Errorf("got %#v, %v", v, err)
			}
		})
	}
}

func TestUnmarshalString(t *testing.T) {
	for in, want := range map[string]string{`"plain é"`: "plain é", `""`: "", ` "x" `: "x", `"a\n"`: "a\n", "\"\xff\"": "\ufffd", `null`: "before"} {
		got := "before"
		if err := Unmarshal([]byte(in), &got); err != nil || got != want {
			t.Errorf("%s: got %q, %v", in, got, err)
		}
	}
	for _, in := range []string{`"`, `"a`, `"a"b"`, `"a" "b"`, "\"\n\"", `1`, ``} {
		if err := Unmarshal([]byte(in), new(string)); err == nil {
			t.Errorf("%s passes", in)
		}
	}
	if err := Unmarshal([]byte(`"x"`), (*string)(nil)); err == nil {
		t.Error("a nil pointer passes")
	}
}

// TestUnmarshalKeepsNothing overwrites the input afterwards, as the reuse of a
// read buffer does.
func TestUnmarshalKeepsNothing(t *testing.T) {
	type target struct {
		S string
		B []byte
		R json.RawMessage
		N json.Number
		I any
		M map[string]any
		K map[string]string
		P *string
		E struct{ T textual }
	}
	in := `{"S":"string","B":"aGVsbG8=","R":{"raw":1},"N":12.5,"I":["any",{"k":"v"}],"M":{"key":{"deep":"er"}},"K":{"kk":"vv"},"P":"pointer","E":{"T":"text"},"X":"unknown"}`
	var want, got target
	if err := json.Unmarshal([]byte(in), &want); err != nil {
		t.Fatal(err)
	}
	borrowed := []byte(in)
	if err := Unmarshal(borrowed, &got); err != nil {
		t.Fatal(err)
	}
	clear(borrowed)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}

	for _, in := range []string{`{"S":1}`, `{"S":"a`, `{"N":"x"}`, `{"B":"!"}`, `{"K":{"a":[]}}`} {
		borrowed := []byte(in)
		err := Unmarshal(borrowed, new(target))
		if err == nil {
			t.Fatalf("%s passes", in)
		}
		before := strings.Clone(err.Error())
		clear(borrowed)
		if err.Error() != before {
			t.Errorf("%s: the error changed from %q to %q", in, before, err)
		}
	}
}

type textual string

func (x *textual) UnmarshalText(b []byte) error {
	*x = textual(b)
	return nil
}

func TestPretouch(t *testing.T) {
	type early struct {
		A string
		B []early
	}
	if err := Pretouch(reflect.TypeFor[early](), reflect.TypeFor[map[string]early]()); err != nil {
		t.Fatal(err)
	}
	var v early
	if err := Unmarshal([]byte(`{"A":"x","B":[{"A":"y"}]}`), &v); err != nil || v.B[0].A != "y" {
		t.Errorf("got %+v, %v", v, err)
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	type message struct {
		Room string `json:"room"`
		Text string `json:"text"`
		Time int64  `json:"time"`
	}
	in := []byte(`{"room":"lobby","text":"hello there","time":1700000000}`)
	b.Run("struct", func(b *testing.B) {
		b.ReportAllocs()
		var m message
		for b.Loop() {
			if err := Unmarshal(in, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("any", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if err := Unmarshal(in, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
	str := []byte(`"0123456789012345678901234567890123456789"`)
	b.Run("string", func(b *testing.B) {
		b.ReportAllocs()
		var s string
		for b.Loop() {
			if err := Unmarshal(str, &s); err != nil {
				b.Fatal(err)
			}
		}
	})
}
