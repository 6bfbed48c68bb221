package deflate

import (
	"bytes"
	stdflate "compress/flate"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// inflateVectors are messages of RFC 7692 section 7.2.3 and relatives of them.
var inflateVectors = []struct {
	name, payload, message string
	err                    error
}{
	{"7.2.3.1 one block", "f2 48 cd c9 c9 07 00", "Hello", nil},
	{"7.2.3.2 refers to the message before", "f2 00 11 00 00", "", ErrCorrupt},
	{"7.2.3.3 stored", "00 05 00 fa ff 48 65 6c 6c 6f 00", "Hello", nil},
	{"7.2.3.4 final block", "f3 48 cd c9 c9 07 00 00", "Hello", nil},
	{"7.2.3.5 two blocks", "f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "Hello", nil},
	{"7.2.3.6 empty", "00", "", nil},
	{"no payload at all", "", "", nil},
	{"final block without the empty one", "f3 48 cd c9 c9 07 00", "Hello", nil},
	{"final blocks in sequence", "f3 48 cd c9 c9 07 00 f3 48 cd c9 c9 07 00 00", "HelloHello", nil},
	{"stored final, then stored", "01 02 00 fd ff 48 65 00 03 00 fc ff 6c 6c 6f 00", "Hello", nil},
	{"stored blocks, also empty", "00 00 00 ff ff 00 02 00 fd ff 48 65 00 00 00 ff ff 00 03 00 fc ff 6c 6c 6f 00", "Hello", nil},
	{"marker not removed", "f2 48 cd c9 c9 07 00 00 00 ff ff 00", "Hello", nil},
	{"reserved block type", "06", "", ErrCorrupt},
	{"stored lengths differ", "00 05 00 fb ff 48 65 6c 6c 6f 00", "", ErrCorrupt},
	{"stored block cut off", "00 ff 00 00 ff 48 65", "", ErrCorrupt},
	{"cut off", "f2 48 cd", "", ErrCorrupt},
	{"text", "48 65 6c 6c 6f", "", ErrCorrupt},
	{"junk after a final block", "f3 48 cd c9 c9 07 00 ff", "", ErrCorrupt},
}

func TestInflateVectors(t *testing.T) {
	for _, tc := range inflateVectors {
		t.Run(tc.name, func(t *testing.T) {
			out, err := AppendInflated([]byte("before "), unhex(tc.payload), 100)
			if string(out) != "before "+tc.message || !errors.Is(err, tc.err) {
				t.Errorf("%q, %v; want %q, %v", out, err, tc.message, tc.err)
			}
		})
	}
}

// captured are the messages of testdata/captures.txt.
var captured = map[string]string{
	"empty": "",
	"hello": "4hello",
	"chat":  `42["chat",{"text":"` + strings.Repeat("a", 48) + `","n":1}]`,
	"bytes": func() string {
		b := make([]byte, 64)
		for i := range b {
			b[i] = byte(i)
		}
		return string(b)
	}(),
	"long": func() string {
		items := make([]string, 120)
		for i := range items {
			items[i] = fmt.Sprintf(`{"id":%d,"name":"user%d","ok":%t}`, i*7919%1000, i, i%3 == 0)
		}
		return `42["a",[` + strings.Join(items, ",") + "]]"
	}(),
}

type capture struct{ client, name, message, payload string }

func captures(tb testing.TB) (all []capture) {
	tb.Helper()
	file, err := os.ReadFile("testdata/captures.txt")
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		message, ok := captured[f[1]]
		if !ok {
			tb.Fatalf("no message %q", f[1])
		}
		all = append(all, capture{f[0], f[1], message, string(unhex(f[2]))})
	}
	return all
}

func TestInflateClients(t *testing.T) {
	all := captures(t)
	if len(all) != 15 {
		t.Errorf("%d captures", len(all))
	}
	for _, c := range all {
		t.Run(c.client+" "+c.name, func(t *testing.T) {
			out, err := AppendInflated(nil, []byte(c.payload), int64(len(c.message)))
			if string(out) != c.message || err != nil {
				t.Errorf("%q, %v", out, err)
			}
		})
	}
}

// stdDeflate is a message as the standard library deflates it.
func stdDeflate(tb testing.TB, level int, pieces ...[]byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := stdflate.NewWriter(&b, level)
	if err != nil {
		tb.Fatal(err)
	}
	for _, piece := range pieces {
		_, _ = w.Write(piece)
		if err := w.Flush(); err != nil {
			tb.Fatal(err)
		}
	}
	return bytes.TrimSuffix(b.Bytes(), []byte(marker))
}

func TestInflateStandardLibrary(t *testing.T) {
	for _, level := range []int{stdflate.HuffmanOnly, stdflate.NoCompression, 1, 6, 9} {
		for _, n := range []int{1, 100, 1 << 10, 70_000} {
			want := feed(n)
			payload := stdDeflate(t, level, want[:n/3], want[n/3:])
			for _, dst := range [][]byte{nil, make([]byte, 0, n), make([]byte, 3, 2*n+3)} {
				out, err := AppendInflated(dst, payload, int64(n))
				if err != nil || !bytes.Equal(out[len(dst):], want) {
					t.Errorf("level %d, %d bytes, capacity %d: %d bytes, %v", level, n, cap(dst), len(out), err)
				}
			}
		}
	}
}

func TestInflateLimit(t *testing.T) {
	const size = 4 << 20
	bomb := stdDeflate(t, 9, make([]byte, size))
	stored := stdDeflate(t, 0, feed(5000))
	for _, tc := range []struct {
		name     string
		payload  []byte
		capacity int
		limit    int64
		err      error
	}{
		{"bomb", bomb, 0, 100_000, ErrTooBig},
		{"bomb, room beyond the limit", bomb, 200_000, 100_000, ErrTooBig},
		{"bomb, one byte short", bomb, 0, size - 1, ErrTooBig},
		{"bomb, exact", bomb, 0, size, nil},
		{"bomb, no limit", bomb, 0, math.MaxInt64, nil},
		{"stored, one byte short", stored, 0, 4999, ErrTooBig},
		{"stored, exact", stored, 0, 5000, nil},
		{"zero", stored, 0, 0, ErrTooBig},
		{"negative", stored, 100, -1, ErrTooBig},
		{"zero, empty message", []byte{0}, 0, 0, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dst := append(make([]byte, 0, 3+tc.capacity), "abc"...)
			out, err := AppendInflated(dst, tc.payload, tc.limit)
			if !errors.Is(err, tc.err) || !bytes.HasPrefix(out, []byte("abc")) || err != nil && len(out) != 3 {
				t.Errorf("%d bytes, %v; want %v", len(out), err, tc.err)
			}
			// The runtime may round a size up to its classes, at most by an
			// eighth and a page.
			if got, most := int64(cap(out)), 3+max(tc.limit, 0); got > int64(cap(dst)) && got > most+most/8+8192 {
				t.Errorf("%d bytes were made for a limit of %d", got, tc.limit)
			}
			if beyond := out[len(out):cap(out)]; tc.capacity > 0 && bytes.Trim(beyond[max(tc.limit, 0):], "\x00") != nil {
				t.Error("wrote beyond the limit")
			}
		})
	}
}

func TestInflateAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, n := range []int{0, 100, 1 << 10, 64 << 10} {
		payload, dst := stdDeflate(t, 6, feed(n)), make([]byte, 0, n)
		run := func() {
			if _, err := AppendInflated(dst, payload, int64(n)); err != nil {
				t.Fatal(err)
			}
		}
		if got := testing.AllocsPerRun(100, run); got != 0 {
			t.Errorf("%d bytes: %v allocations", n, got)
		}
	}
}

// stdInflate does with the standard library what AppendInflated does; ok is
// false where that has to fail.
func stdInflate(payload []byte, limit int64) (message []byte, ok bool) {
	if len(payload) == 0 {
		return nil, true
	}
	in := bytes.NewReader(append(bytes.Clone(payload), ending...))
	for {
		part, err := io.ReadAll(io.LimitReader(stdflate.NewReader(in), limit+1-int64(len(message))))
		message = append(message, part...)
		if err != nil || int64(len(message)) > limit {
			return nil, false
		}
		if in.Len() <= len(ending) {
			return message, true
		}
	}
}

func FuzzInflate(f *testing.F) {
	for _, tc := range inflateVectors {
		f.Add(unhex(tc.payload), uint16(10), uint8(0))
	}
	for _, c := range captures(f) {
		f.Add([]byte(c.payload), uint16(len(c.message)), uint8(len(c.message)))
	}
	f.Add(stdDeflate(f, 9, make([]byte, 100_000)), uint16(1000), uint8(20))
	f.Fuzz(func(t *testing.T, payload []byte, limit uint16, room uint8) {
		dst := append(make([]byte, 0, 1+int(room)), 'x')
		sent := bytes.Clone(payload)
		out, err := AppendInflated(dst, payload, int64(limit))
		if !bytes.Equal(payload, sent) {
			t.Fatal("the payload was changed")
		}
		want, ok := stdInflate(payload, int64(limit))
		switch {
		case err == nil:
			if !ok || string(out) != "x"+string(want) {
				t.Fatalf("%q, but the standard library says %q, %t", out[1:], want, ok)
			}
		case ok || string(out) != "x" || err != ErrTooBig && err != ErrCorrupt:
			t.Fatalf("%q, %v, but the standard library says %q, %t", out, err, want, ok)
		}
	})
}

// TestWastefulPayload gives blocks that have no content: time must not grow
// with them.
func TestWastefulPayload(t *testing.T) {
	// An empty block with fixed codes takes ten bits: five bytes hold four of
	// them.
	payload := bytes.Repeat([]byte{0x02, 0x08, 0x20, 0x80, 0x00}, 1<<20/5)
	few := append(payload[:lookahead/2/5*5:lookahead/2/5*5], 0) // ends like any payload, inside the header of a stored block
	if _, err := AppendInflated(nil, few, 1<<20); err != nil {
		t.Fatalf("few empty blocks: %v", err)
	}
	if _, err := AppendInflated(nil, payload, 1<<20); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}
