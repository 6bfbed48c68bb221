package msgpack

import (
	"errors"
	"strings"
	"testing"
)

func TestSkip(t *testing.T) {
	for _, c := range []struct {
		name, in string
		err      error
	}{
		{"fixed extensions", "\x95\xd4\x05a\xd5\x05aa\xd6\x05aaaa\xd7\x05aaaaaaaa\xd8\x05aaaaaaaaaaaaaaaa", nil},
		{"extensions", "\x93\xc7\x01\x05a\xc8\x00\x01\x05a\xc9\x00\x00\x00\x01\x05a", nil},
		{"empty containers", "\x94\x90\x80\xdc\x00\x00\xdf\x00\x00\x00\x00", nil},
		{"siblings below many levels", strings.Repeat("\x92", 100) + "\xc0" + strings.Repeat("\xc2", 100), nil},
		{"as deep as may be", strings.Repeat("\x91", MaxDepth) + "\xc0", nil},
		{"as deep as may be, empty at the end", strings.Repeat("\x91", MaxDepth-1) + "\x90", nil},
		{"maps as deep as may be", strings.Repeat("\x81\xa1k", MaxDepth) + "\xc0", nil},
		{"too deep", strings.Repeat("\x91", MaxDepth+1) + "\xc0", ErrTooDeep},
		{"too deep, empty at the end", strings.Repeat("\x91", MaxDepth) + "\x90", ErrTooDeep},
		{"endless", strings.Repeat("\x91", 1<<20), ErrTooDeep},
		{"no end", strings.Repeat("\x91", 100), ErrMalformed},
		{"length cut", "\xc6\x00\x00", ErrMalformed},
		{"extension cut before its type", "\xc7\x00", ErrMalformed},
		{"fixed extension cut", "\xd5\x00\x00", ErrMalformed},
		{"undefined cut", "\xd4\x00", ErrMalformed},
		{"number cut", "\xcf\x00\x00\x00", ErrMalformed},
		{"half a pair", "\x82\x01\x02\x03", ErrMalformed},
	} {
		n, err := Skip([]byte(c.in + "rest"))
		if c.err == ErrMalformed {
			n, err = Skip([]byte(c.in))
		}
		if !errors.Is(err, c.err) || err == nil && n != len(c.in) {
			t.Errorf("%s: %d, %v; want %d, %v", c.name, n, err, len(c.in), c.err)
		}
	}
}

func FuzzSkip(f *testing.F) {
	for _, wire := range vectors(f) {
		f.Add(wire)
	}
	f.Add([]byte(strings.Repeat("\x82\xa1k", 70) + strings.Repeat("\xc0", 200)))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := Skip(b)
		if err != nil {
			if n != 0 {
				t.Fatalf("% x: %d with %v", b, n, err)
			}
			return
		}
		if n == 0 || n > len(b) {
			t.Fatalf("% x: %d", b, n)
		}
		if again, err := Skip(b[:n:n]); again != n || err != nil {
			t.Fatalf("% x: %d, alone %d, %v", b, n, again, err)
		}
		if again, err := Skip(b[: n-1 : n-1]); err == nil {
			t.Fatalf("% x: %d, cut %d", b, n, again)
		}
	})
}
