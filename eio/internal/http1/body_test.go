package http1

import (
	"math"
	"strings"
	"testing"
)

// readCut decodes b in pieces that end at the cuts; rest is what follows the
// body.
func readCut(b []byte, req *Request, limit int64, cuts ...int) (body, rest string, done bool, err error) {
	var d Body
	if err := d.Reset(req, limit); err != nil {
		return "", "", false, err
	}
	var got strings.Builder
	pos := 0
	for _, end := range append(cuts, len(b)) {
		for pos < end && !done {
			var data []byte
			var n int
			data, n, done, err = d.Next(b[pos:end])
			got.Write(data)
			pos += n
			if err != nil {
				return got.String(), "", false, err
			}
			if n == 0 && !done {
				panic("no progress")
			}
		}
	}
	return got.String(), string(b[pos:]), d.Done(), nil
}

var chunked = &Request{Chunked: true, ContentLength: -1}

func TestBody(t *testing.T) {
	plain := func(n int64) *Request { return &Request{ContentLength: n} }
	tests := []struct {
		name string
		req  *Request
		in   string
		want string
	}{
		{"plain", plain(5), "4he|o", "4he|o"},
		{"chunks", chunked, "3\r\nabc\r\n00B\r\n0123456789a\r\n0\r\n\r\n", "abc0123456789a"},
		{"hex of both cases", chunked, "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
		{"extension", chunked, "3;a=\"b c\"\r\nabc\r\n0;x\r\n\r\n", "abc"},
		{"trailers", chunked, "1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\n", "a"},
		{"nothing in chunks", chunked, "0\r\n\r\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := []byte(tt.in + "GET /next")
			for cut := range in {
				for second := cut; second < len(in); second++ {
					body, rest, done, err := readCut(in, tt.req, int64(len(tt.want)), cut, second)
					if body != tt.want || rest != "GET /next" || !done || err != nil {
						t.Fatalf("cut at %d, %d: %q, rest %q, done %t, err %v", cut, second, body, rest, done, err)
					}
				}
			}
		})
	}
}

func TestBodyNone(t *testing.T) {
	for _, length := range []int64{-1, 0} {
		var d Body
		if err := d.Reset(&Request{ContentLength: length}, 10); err != nil || !d.Done() {
			t.Errorf("length %d: done %t, err %v", length, d.Done(), err)
		}
		if data, n, done, err := d.Next([]byte("GET")); data != nil || n != 0 || !done || err != nil {
			t.Errorf("length %d: Next %q %d %t %v", length, data, n, done, err)
		}
	}
}

func TestBodyRefuses(t *testing.T) {
	tests := []struct {
		name  string
		req   *Request
		limit int64
		in    string
		want  *Error
	}{
		{"length beyond the limit", &Request{ContentLength: 11}, 10, "", ErrBodyTooLarge},
		{"chunk beyond the limit, before its bytes", chunked, 10, "b\r\n", ErrBodyTooLarge},
		{"chunks beyond the limit", chunked, 10, "a\r\n0123456789\r\n1\r\n", ErrBodyTooLarge},
		{"greatest chunk size", chunked, 10, "fffffffffffffff\r\n", ErrBodyTooLarge},
		{"size of 16 digits", chunked, 0, "0000000000000001\r\n", ErrChunk},
		{"no size", chunked, 0, "\r\n", ErrChunk},
		{"negative size", chunked, 0, "-1\r\n", ErrChunk},
		{"size with 0x", chunked, 0, "0x1\r\n", ErrChunk},
		{"space after size", chunked, 0, "1 \r\n", ErrChunk},
		{"space before size", chunked, 0, " 1\r\n", ErrChunk},
		{"bare LF after size", chunked, 0, "1\n", ErrChunk},
		{"CR without LF", chunked, 0, "1\rx", ErrChunk},
		{"bare LF in extension", chunked, 0, "1;a\nx", ErrChunk},
		{"chunk too long for its size", chunked, 0, "1\r\nab\r\n", ErrChunk},
		{"bare LF after chunk", chunked, 0, "1\r\na\n", ErrChunk},
		{"trailer without colon", chunked, 0, "0\r\nab\r\n", ErrChunk},
		{"folded trailer", chunked, 0, "0\r\na:b\r\n c", ErrChunk},
		{"trailer without name", chunked, 0, "0\r\n: c", ErrChunk},
		{"bare LF after trailer", chunked, 0, "0\r\na:b\nc", ErrChunk},
		{"bare LF at the end", chunked, 0, "0\r\n\n", ErrChunk},
		{"CR without LF at the end", chunked, 0, "0\r\n\rx", ErrChunk},
		{"endless extension", chunked, 0, "1;" + strings.Repeat("a", maxExcess), ErrChunk},
		{"endless extensions", chunked, 0, strings.Repeat("1;aaaaaaaa\r\nx\r\n", maxExcess/8), ErrChunk},
		{"endless trailers", chunked, 0, "0\r\n" + strings.Repeat("abc:defg\r\n", maxExcess/7+1), ErrChunk},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := []byte(tt.in)
			step := max(1, len(in)/200)
			for cut := 0; cut <= len(in); cut += step {
				if body, _, _, err := readCut(in, tt.req, tt.limit, cut); err != tt.want {
					t.Fatalf("cut at %d: err %v, want %v (body %q)", cut, err, tt.want, body)
				}
			}
		})
	}
}

// TestBodyUnlimited: sizes that would overflow a sum are followed, not added.
func TestBodyUnlimited(t *testing.T) {
	var d Body
	if err := d.Reset(&Request{ContentLength: math.MaxInt64}, 0); err != nil {
		t.Fatal(err)
	}
	if data, n, done, err := d.Next([]byte("ab")); string(data) != "ab" || n != 2 || done || err != nil {
		t.Errorf("Next %q %d %t %v", data, n, done, err)
	}
}

func TestBodyAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("counts are off under the race detector")
	}
	in := []byte("5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n")
	if allocs := testing.AllocsPerRun(100, func() {
		var d Body
		if err := d.Reset(chunked, 10); err != nil {
			t.Fatal(err)
		}
		total := 0
		for pos := 0; !d.Done(); {
			data, n, _, err := d.Next(in[pos:])
			if err != nil {
				t.Fatal(err)
			}
			total, pos = total+len(data), pos+n
		}
		if total != 10 {
			t.Fatal(total)
		}
	}); allocs != 0 {
		t.Errorf("%.0f allocations", allocs)
	}
}
