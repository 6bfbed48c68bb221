package msgpack

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestRawMap(t *testing.T) {
	b := AppendMapHeader(nil, 3)
	b = AppendInt(AppendString(b, "a"), 1)
	b = AppendInt(AppendInt(b, 7), 2)
	b = AppendString(AppendString(b, "b"), "x")
	m, err := SplitMap(b)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for key, value, ok := m.Next(); ok; key, value, ok = m.Next() {
		got.Write(key)
		got.WriteByte('=')
		got.Write(value)
		got.WriteByte(' ')
	}
	if want := "a=\x01 =\x02 b=\xa1x "; got.String() != want {
		t.Errorf("members %q, want %q", got.String(), want)
	}
	for _, bad := range []string{"", "\x90", "\xc0", "\x82"} {
		if _, err := SplitMap([]byte(bad)); err != ErrInvalidPayload {
			t.Errorf("%q: %v", bad, err)
		}
	}
	m, err = SplitMap([]byte("\x81\xa1\xdb"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := m.Next(); ok {
		t.Error("a member that is cut")
	}
}

func TestIsJSON(t *testing.T) {
	for name, c := range map[string]struct {
		v    any
		want bool
	}{
		"plain":    {map[string]any{"a": []any{1, 2.5, nil, true, "x"}}, true},
		"binary":   {map[string]any{"a": []any{[]byte{1}}}, false},
		"a date":   {[]any{time.Unix(1, 0)}, false},
		"NaN":      {[]any{math.NaN()}, false},
		"infinite": {[]any{math.Inf(-1)}, false},
		"extreme":  {math.MaxFloat64, true},
	} {
		b, err := AppendValue(nil, c.v)
		if err != nil {
			t.Fatal(err)
		}
		if got := IsJSON(b); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, null := range []string{"\xc0", "\xd4\x00\x00"} {
		if !IsNull([]byte(null)) || !IsJSON([]byte(null)) {
			t.Errorf("% x is not null, or not JSON", null)
		}
	}
	if IsNull([]byte{1}) || IsNull(nil) {
		t.Error("what is not null is")
	}
}

func TestWellFormed(t *testing.T) {
	for raw, want := range map[string]bool{
		"\xa3\xef\xbf\xbd": true, "\x81\xa1a\x92\xc4\x01\xff\xa1b": true, "\xcb\xff\xff\xff\xff\xff\xff\xff\xff": true,
		"\xa3\xed\xa0\x80": false, "\x81\xa1\xff\x01": false, "\x92\x01\x91\xa1\xff": false,
	} {
		if got := WellFormed([]byte(raw)); got != want {
			t.Errorf("% x: %v", raw, got)
		}
	}
}
