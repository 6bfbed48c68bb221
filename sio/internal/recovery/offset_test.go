package recovery

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestOffsetText(t *testing.T) {
	for _, tc := range []struct {
		o    Offset
		text string
	}{
		{Offset{}, "0"},
		{Offset{63, 0}, "_"},
		{Offset{64, 1}, "10.0"},
		{Offset{64, 65}, "10.10"},
		{Offset{1795000000000, 0}, "Q7kLbu0"},
	} {
		text := string(tc.o.AppendTo(nil))
		if text != tc.text {
			t.Errorf("%v is %q, want %q", tc.o, text, tc.text)
		}
		if o, ok := ParseOffset(text); !ok || o != tc.o {
			t.Errorf("%q is read as %v, %v", text, o, ok)
		}
	}
	for _, text := range []string{"", ".", "1.", ".1", "01", "1.01", "1.1.1", "1 ", "é", "12345678901", "1.12345678901"} {
		if o, ok := ParseOffset(text); ok {
			t.Errorf("%q is read as %v", text, o)
		}
	}
}

func TestOffsetOrder(t *testing.T) {
	var o Offset
	ms := uint64(1000)
	for range 10_000 {
		ms += rand.Uint64N(4) - 1 // clocks go back, too
		next := o.Next(ms)
		if next.Compare(o) <= 0 || next.ms < ms {
			t.Fatalf("%v after %v at %d", next, o, ms)
		}
		o = next
	}
}

func FuzzParseOffset(f *testing.F) {
	f.Add("Q84NFIc.0")
	f.Fuzz(func(t *testing.T, text string) {
		if o, ok := ParseOffset(text); ok && string(o.AppendTo(nil)) != text {
			t.Errorf("%q is read as %v, which is %q", text, o, o.AppendTo(nil))
		}
	})
}

// TestEntryID reads the ids of a stream's entries, all that Redis gives out,
// and what is none.
func TestEntryID(t *testing.T) {
	for text, want := range map[string]Offset{
		"0-0":                          {},
		"1795000000000-12":             {1795000000000, 12},
		"9999999999999999999-0":        {9999999999999999999, 0},
		"18446744073709551615-1844674": {math.MaxUint64, 1844674},
	} {
		if o, ok := ParseEntryID(text); !ok || o != want {
			t.Errorf("%q is read as %v, %v", text, o, ok)
		}
	}
	for _, text := range []string{"", "-", "1", "1-", "-1", "1-x", "1:1", "+1-1", "1-1-1", "18446744073709551616-0", "1-99999999999999999999", "000000000000000000001-1"} {
		if o, ok := ParseEntryID(text); ok {
			t.Errorf("%q is read as %v", text, o)
		}
	}
}
