package sio

import (
	"math/rand/v2"
	"testing"
)

func TestOffsetText(t *testing.T) {
	for _, tc := range []struct {
		o    offset
		text string
	}{
		{offset{}, "0"},
		{offset{63, 0}, "_"},
		{offset{64, 1}, "10.0"},
		{offset{64, 65}, "10.10"},
		{offset{1795000000000, 0}, "Q7kLbu0"},
	} {
		text := string(tc.o.appendTo(nil))
		if text != tc.text {
			t.Errorf("%v is %q, want %q", tc.o, text, tc.text)
		}
		if o, ok := parseOffset(text); !ok || o != tc.o {
			t.Errorf("%q is read as %v, %v", text, o, ok)
		}
	}
	for _, text := range []string{"", ".", "1.", ".1", "01", "1.01", "1.1.1", "1 ", "é", "12345678901", "1.12345678901"} {
		if o, ok := parseOffset(text); ok {
			t.Errorf("%q is read as %v", text, o)
		}
	}
}

func TestOffsetOrder(t *testing.T) {
	var o offset
	ms := uint64(1000)
	for range 10_000 {
		ms += rand.Uint64N(4) - 1 // clocks go back, too
		next := o.next(ms)
		if next.compare(o) <= 0 || next.ms < ms {
			t.Fatalf("%v after %v at %d", next, o, ms)
		}
		o = next
	}
}

func FuzzParseOffset(f *testing.F) {
	f.Add("Q84NFIc.0")
	f.Fuzz(func(t *testing.T, text string) {
		if o, ok := parseOffset(text); ok && string(o.appendTo(nil)) != text {
			t.Errorf("%q is read as %v, which is %q", text, o, o.appendTo(nil))
		}
	})
}
