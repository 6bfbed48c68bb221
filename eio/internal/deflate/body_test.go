package deflate

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"testing"
)

func TestBody(t *testing.T) {
	readers := map[string]func(io.Reader) (io.Reader, error){
		Gzip:    func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		Deflate: func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) },
	}
	for encoding, reader := range readers {
		for _, level := range []int{1, 6} {
			c := compressor(t, level)
			for _, body := range [][]byte{nil, []byte("a"), feed(1024), feed(100_000), noise(100_000)} {
				got := c.AppendBody([]byte("before"), encoding, body)
				in := bytes.NewReader(bytes.TrimPrefix(got, []byte("before")))
				r, err := reader(in)
				if err != nil {
					t.Fatalf("%s, level %d, %d bytes: %v", encoding, level, len(body), err)
				}
				if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, body) || in.Len() != 0 {
					t.Errorf("%s, level %d, %d bytes: %d, %v, %d left", encoding, level, len(body), len(back), err, in.Len())
				}
			}
		}
	}
}

func TestBodyIdentity(t *testing.T) {
	for _, encoding := range []string{"", "br"} {
		if got := compressor(t, 1).AppendBody([]byte("a"), encoding, []byte("b")); string(got) != "ab" {
			t.Errorf("%q: %q", encoding, got)
		}
	}
}

func TestBodyAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c, body := compressor(t, 1), feed(2000)
	dst := make([]byte, 0, len(body))
	for _, encoding := range []string{Gzip, Deflate} {
		if got := testing.AllocsPerRun(100, func() { c.AppendBody(dst, encoding, body) }); got != 0 {
			t.Errorf("%s: %v allocations", encoding, got)
		}
	}
}
