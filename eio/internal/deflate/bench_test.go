package deflate

import (
	"fmt"
	"testing"
)

var benchSizes = []int{100, 1 << 10, 64 << 10}

func BenchmarkMessage(b *testing.B) {
	for _, level := range []int{1, 6} {
		c := compressor(b, level)
		for _, n := range benchSizes {
			b.Run(fmt.Sprintf("level=%d/bytes=%d", level, n), func(b *testing.B) {
				payload, dst := feed(n), make([]byte, 0, n+64)
				b.ReportAllocs()
				b.SetBytes(int64(n))
				var out []byte
				for b.Loop() {
					out = c.AppendMessage(dst, payload, Params{})
				}
				b.ReportMetric(float64(len(out)), "B/message")
			})
		}
	}
}

func BenchmarkInflate(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprintf("bytes=%d", n), func(b *testing.B) {
			payload, dst := compressor(b, 1).AppendMessage(nil, feed(n), Params{}), make([]byte, 0, n)
			b.ReportAllocs()
			b.SetBytes(int64(n))
			for b.Loop() {
				if _, err := AppendInflated(dst, payload, int64(n)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBody(b *testing.B) {
	c := compressor(b, 1)
	for _, encoding := range []string{Gzip, Deflate} {
		b.Run(encoding, func(b *testing.B) {
			body, dst := feed(4<<10), make([]byte, 0, 4<<10)
			b.ReportAllocs()
			b.SetBytes(4 << 10)
			for b.Loop() {
				c.AppendBody(dst, encoding, body)
			}
		})
	}
}
