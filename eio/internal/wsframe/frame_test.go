package wsframe

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func TestAppendHeader(t *testing.T) {
	for _, length := range []int{0, 1, 125, 126, 127, 255, 256, 65535, 65536, 1 << 20} {
		for _, rsv1 := range []bool{false, true} {
			got := AppendHeader([]byte("x"), OpText, length, rsv1)
			var want bytes.Buffer
			want.WriteByte('x')
			if err := ws.WriteHeader(&want, ws.Header{Fin: true, Rsv: ws.Rsv(rsv1, false, false), OpCode: ws.OpText, Length: int64(length)}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want.Bytes()) {
				t.Errorf("length %d, rsv1 %t: % x, want % x", length, rsv1, got, want.Bytes())
			}
		}
	}
}

func TestPutHeaderBefore(t *testing.T) {
	for _, length := range []int{0, 125, 126, 65535, 65536} {
		b := append(bytes.Repeat([]byte{'.'}, MaxHeader+2), "payload"...)
		start := PutHeaderBefore(b, MaxHeader+2, OpBinary, length)
		want := AppendHeader(nil, OpBinary, length, false)
		if !bytes.Equal(b[start:MaxHeader+2], want) {
			t.Errorf("length %d: % x, want % x", length, b[start:MaxHeader+2], want)
		}
		if string(b[:start]) != strings.Repeat(".", start) || string(b[MaxHeader+2:]) != "payload" {
			t.Errorf("length %d: wrote beyond the header: %q", length, b)
		}
	}
}

func TestAppendControl(t *testing.T) {
	tests := []struct {
		name, got, want string
	}{
		{"close without a status", string(AppendClose([]byte("x"), 0)), "x\x88\x00"},
		{"close with a status", string(AppendClose([]byte("x"), 1009)), "x\x88\x02\x03\xf1"},
		{"pong", string(AppendPong([]byte("x"), []byte("abc"))), "x\x8a\x03abc"},
		{"pong of nothing", string(AppendPong(nil, nil)), "\x8a\x00"},
		{"pong that is cut", string(AppendPong(nil, bytes.Repeat([]byte("p"), 200))), "\x8a\x7d" + strings.Repeat("p", 125)},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestUnmask(t *testing.T) {
	mask := [4]byte{1, 2, 3, 4}
	for size := range 200 {
		for split := range size + 1 {
			got, want := make([]byte, size), make([]byte, size)
			for i := range want {
				want[i] = mask[i%4]
			}
			unmask(got[:split], mask)
			unmask(got[split:], rotate(mask, split))
			if !bytes.Equal(got, want) {
				t.Fatalf("size %d split %d: %v", size, split, got)
			}
		}
	}
}

func BenchmarkPutHeaderBefore(b *testing.B) {
	buf := make([]byte, 128)
	b.ReportAllocs()
	for b.Loop() {
		PutHeaderBefore(buf, MaxHeader, OpText, 100)
	}
}
