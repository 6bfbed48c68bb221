package wsframe

import (
	"bytes"
	"io"
	"testing"

	"github.com/gobwas/ws"
)

// What gobwas/ws offers for headers, over bytes in memory. The results are in
// the comments of parseHeader and AppendHeader.

// byteReader is a slice as the io.Reader that the library asks for.
type byteReader struct{ rest []byte }

func (r *byteReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// byteWriter is the end of a slice as the io.Writer that the library asks for.
type byteWriter struct{ b []byte }

func (w *byteWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

func BenchmarkParseHeader(b *testing.B) {
	for _, size := range []int{16, 1000} {
		wire := frame(fin|text, string(bytes.Repeat([]byte{'x'}, size)))
		name := map[int]string{16: "7-bit", 1000: "16-bit"}[size]
		b.Run(name+"/ours", func(b *testing.B) {
			var r Reader
			lim := &Limits{Message: 1e6}
			b.ReportAllocs()
			for b.Loop() {
				r.opening, r.frames = 0, 0
				if n, err := r.parseHeader(wire, lim); n == 0 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
		b.Run(name+"/gobwas", func(b *testing.B) {
			r := &byteReader{}
			scratch := make([]byte, ws.MaxHeaderSize)
			b.ReportAllocs()
			for b.Loop() {
				r.rest = wire
				h, err := ws.ReadHeaderBuffer(r, scratch)
				if err == nil {
					err = ws.CheckHeader(h, ws.StateServerSide)
				}
				if err != nil || h.Length != int64(size) {
					b.Fatal(h, err)
				}
			}
		})
		b.Run(name+"/ours with CheckHeader", func(b *testing.B) {
			var r Reader
			lim := &Limits{Message: 1e6}
			b.ReportAllocs()
			for b.Loop() {
				r.opening, r.frames = 0, 0
				n, err := r.parseHeader(wire, lim)
				h := ws.Header{Fin: r.first&finBit != 0, Rsv: r.first & rsvBits >> 4, OpCode: ws.OpCode(r.first & opBits), Masked: true, Mask: r.mask, Length: r.left}
				if err == nil {
					err = ws.CheckHeader(h, ws.StateServerSide)
				}
				if n == 0 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func BenchmarkAppendHeader(b *testing.B) {
	b.Run("ours", func(b *testing.B) {
		dst := make([]byte, 0, 64)
		b.ReportAllocs()
		for b.Loop() {
			dst = AppendHeader(dst[:0], OpText, 1000, false)
		}
	})
	b.Run("gobwas", func(b *testing.B) {
		w := &byteWriter{make([]byte, 0, 64)}
		scratch := make([]byte, ws.MaxHeaderSize)
		b.ReportAllocs()
		for b.Loop() {
			w.b = w.b[:0]
			if err := ws.WriteHeaderBuffer(w, ws.Header{Fin: true, OpCode: ws.OpText, Length: 1000}, scratch); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// stream is a connection whose peer has sent in and which forgets what is
// written.
type stream struct{ byteReader }

func (*stream) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkHandshake(b *testing.B) {
	method, upgrade, key, version := []byte("GET"), []byte("websocket"), []byte(sampleKey), []byte("13")
	b.Run("ours", func(b *testing.B) {
		dst := make([]byte, 0, 512)
		b.ReportAllocs()
		for b.Loop() {
			if err := CheckUpgrade(method, upgrade, key, version); err != nil {
				b.Fatal(err)
			}
			dst = AppendUpgrade(dst[:0], key, nil, nil)
		}
	})
	b.Run("gobwas", func(b *testing.B) {
		request := []byte("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + sampleKey + "\r\n\r\n")
		s := &stream{}
		b.ReportAllocs()
		for b.Loop() {
			s.rest = request
			if _, err := (ws.Upgrader{}).Upgrade(s); err != nil {
				b.Fatal(err)
			}
		}
	})
}
