package demo

import (
	"strings"
	"testing"
	"time"
)

func TestCleanName(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		err            error
	}{
		{"plain", "Ada", "Ada", nil},
		{"spaces", "  Ada \t\n Lovelace ", "Ada Lovelace", nil},
		{"other scripts", "Lín 林 أمل", "Lín 林 أمل", nil},
		{"emoji sequence", "👩\u200d🚀", "👩\u200d🚀", nil},
		{"control characters", "A\x00d\x1ba", "Ada", nil},
		{"bidi override", "Ada\u202eevol", "Adaevol", nil},
		{"longest", strings.Repeat("é", 24), strings.Repeat("é", 24), nil},
		{"too long", strings.Repeat("é", 25), "", errName},
		{"empty", " \u202e\x00 ", "", errName},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := cleanName(c.in)
			if got != c.want || err != c.err {
				t.Errorf("cleanName(%q) = %q, %v; want %q, %v", c.in, got, err, c.want, c.err)
			}
		})
	}
}

func TestCleanRoom(t *testing.T) {
	for _, c := range []struct {
		in, want string
		err      error
	}{
		{" Lobby ", "lobby", nil},
		{"go-1_26", "go-1_26", nil},
		{"café", "café", nil},
		{"two words", "", errRoomName},
		{"<b>", "", errRoomName},
		{"", "", errRoomName},
		{strings.Repeat("a", 25), "", errRoomName},
	} {
		if got, err := cleanRoom(c.in); got != c.want || err != c.err {
			t.Errorf("cleanRoom(%q) = %q, %v; want %q, %v", c.in, got, err, c.want, c.err)
		}
	}
}

func TestCleanText(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		err            error
	}{
		{"markup stays", "<b>&amp;</b>", "<b>&amp;</b>", nil},
		{"lines and tabs stay", " a\n\tb ", "a\n\tb", nil},
		{"bidi override", "a\u202eb", "ab", nil},
		{"longest", strings.Repeat("🚀", 500), strings.Repeat("🚀", 500), nil},
		{"too long", strings.Repeat("a", 501), "", errText},
		{"far too long", strings.Repeat("a", 1<<20), "", errText},
		{"most lines", strings.Repeat("a\n", 24) + "a", strings.Repeat("a\n", 24) + "a", nil},
		{"too many lines", strings.Repeat("a\n", 25) + "a", "", errText},
		{"nothing visible", "\u202e\n ", "", errText},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := cleanText(c.in); got != c.want || err != c.err {
				t.Errorf("%d characters, %v; want %d, %v", len(got), err, len(c.want), c.err)
			}
		})
	}
}

func TestBucket(t *testing.T) {
	var b bucket
	now := time.Unix(1000, 0)
	for i := range 3 {
		if !b.take(now, 3, time.Second) {
			t.Fatalf("take %d of a burst of 3 is refused", i+1)
		}
	}
	if b.take(now, 3, time.Second) {
		t.Error("a fourth is allowed at once")
	}
	if b.take(now.Add(999*time.Millisecond), 3, time.Second) {
		t.Error("a fourth is allowed within the interval")
	}
	now = now.Add(time.Second)
	if !b.take(now, 3, time.Second) || b.take(now, 3, time.Second) {
		t.Error("not exactly one is allowed after the interval")
	}
	now = now.Add(time.Hour)
	for i := range 3 {
		if !b.take(now, 3, time.Second) {
			t.Errorf("take %d is refused after a long rest", i+1)
		}
	}
	if b.take(now, 3, time.Second) {
		t.Error("a long rest allows more than the burst")
	}
}
