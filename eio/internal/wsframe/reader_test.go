package wsframe

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/gobwas/ws"

	"github.com/sioserver/sioserver/loop"
)

// frame is a client's frame: first holds the final bit, the reserved bits and
// the opcode.
func frame(first byte, payload string) []byte {
	var out bytes.Buffer
	h := ws.Header{Fin: first&finBit != 0, Rsv: first & rsvBits >> 4, OpCode: ws.OpCode(first & opBits),
		Masked: true, Mask: [4]byte{0xa1, 0x00, 0x5b, 0xff}, Length: int64(len(payload))}
	if err := ws.WriteHeader(&out, h); err != nil {
		panic(err)
	}
	body := []byte(payload)
	ws.Cipher(body, h.Mask, 0)
	out.Write(body)
	return out.Bytes()
}

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

const (
	text   = 0x01
	bin    = 0x02
	more   = 0x00
	fin    = finBit
	ping   = finBit | 0x09
	pong   = finBit | 0x0a
	closes = finBit | 0x08
)

// watched is a Reader whose buffers a test watches: it overwrites each one that
// the Reader has given up, so that an event which still uses it shows.
type watched struct {
	Reader
	last    []byte // what buf held after the last call
	largest int    // capacity of the largest buffer
	copied  int    // bytes of the buffers that were given up
}

func (w *watched) Next(b []byte, lim *Limits) (Event, int, error) {
	ev, n, err := w.Reader.Next(b, lim)
	w.look()
	return ev, n, err
}

func (w *watched) Release() {
	w.Reader.Release()
	w.look()
}

func (w *watched) look() {
	var now []byte
	if w.buf != nil {
		now = w.buf.B
	}
	if w.last != nil && unsafe.SliceData(now) != unsafe.SliceData(w.last) {
		w.copied += len(w.last)
		rubbish := w.last[:cap(w.last)]
		for i := range rubbish {
			rubbish[i] = 0xee
		}
	}
	w.last = now
	w.largest = max(w.largest, cap(now))
}

// read gives wire to a fresh Reader in pieces that end at the cuts and returns
// the events as text. It fails when a buffer is kept though the Reader is
// between messages.
func read(t testing.TB, wire []byte, lim Limits, cuts ...int) (string, error) {
	t.Helper()
	var r watched
	var got strings.Builder
	pos := 0
	for _, end := range append(cuts, len(wire)) {
		piece := bytes.Clone(wire[pos:end]) // it is unmasked in place
		for {
			ev, n, err := r.Next(piece, &lim)
			if err != nil {
				if r.buf != nil {
					t.Fatal("a buffer is kept after an error")
				}
				return got.String(), err
			}
			pos += n
			piece = piece[n:]
			if ev.Type == None {
				break
			}
			fmt.Fprintf(&got, "%d", ev.Type)
			if ev.Compressed {
				got.WriteString("z")
			}
			fmt.Fprintf(&got, " %d %q\n", ev.Code, ev.Payload)
		}
		if pos != end {
			t.Fatalf("None, but only %d of %d bytes used", pos, end)
		}
		if r.buf != nil && len(r.buf.B) == 0 {
			t.Fatal("an empty buffer is kept")
		}
	}
	r.Release()
	if r.buf != nil || r.Held() != 0 {
		t.Fatal("a buffer is kept after Release")
	}
	return got.String(), nil
}

// everyCut checks that one cut, two cuts (of short wires) and single bytes give
// the same as no cut, and returns that.
func everyCut(t testing.TB, wire []byte, lim Limits) (string, error) {
	t.Helper()
	want, wantErr := read(t, wire, lim)
	check := func(cuts ...int) {
		t.Helper()
		if got, err := read(t, wire, lim, cuts...); got != want || err != wantErr {
			t.Fatalf("cut at %v: %.300s %v\nwant %.300s %v", cuts, got, err, want, wantErr)
		}
	}
	every := make([]int, len(wire))
	for i := range wire {
		every[i] = i
		if len(wire) < 1000 || i < 20 || i%4999 == 0 {
			check(i)
		}
		if len(wire) < 60 {
			for j := i; j < len(wire); j++ {
				check(i, j)
			}
		}
	}
	if len(wire) < 1000 {
		check(every...)
	}
	return want, wantErr
}

// TestReaderAnatomy spells out frames bit by bit:
//
//	 0               1               2               3
//	 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7
//	+-+-+-+-+-------+-+-------------+-------------------------------+
//	|F|R|R|R| opcode|M| length      | length, when 126 (16 bits)    |
//	|I|S|S|S|       |A|             | or 127 (64 bits)              |
//	|N|V|V|V|       |S|             |                               |
//	| |1|2|3|       |K|             |                               |
//	+-+-+-+-+-------+-+-------------+-------------------------------+
//	| mask (32 bits)                                                |
//	+---------------------------------------------------------------+
//	| payload, byte i xored with mask[i%4] ...                      |
//	+---------------------------------------------------------------+
func TestReaderAnatomy(t *testing.T) {
	tests := []struct {
		name string
		wire []byte
		want string
	}{
		{"text of the RFC's section 5.7", []byte{
			0b1_000_0001,           // FIN, text
			0b1_0000101,            // MASK, 5 bytes
			0x37, 0xfa, 0x21, 0x3d, // mask
			0x7f, 0x9f, 0x4d, 0x51, 0x58, // "Hello"
		}, "1 0 \"Hello\"\n"},
		{"fragments around a ping", []byte{
			0b0_000_0010, 0b1_0000001, 0, 0, 0, 1, 0xff, // binary, not FIN, mask 00000001, ff
			0b1_000_1001, 0b1_0000000, 1, 2, 3, 4, //       FIN, ping, no payload
			0b1_000_0000, 0b1_0000010, 1, 0, 0, 0, 0, 2, // FIN, continuation: 01 02
		}, "3 0 \"\"\n2 0 \"\\xff\\x01\\x02\"\n"},
		{"16-bit and 64-bit length, not shortest", []byte{
			0b1_000_0010, 0b1_1111110, 0, 1, 0, 0, 0, 0, 'a',
			0b1_000_0010, 0b1_1111111, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 'b',
		}, "2 0 \"a\"\n2 0 \"b\"\n"},
		{"close with status", []byte{
			0b1_000_1000, 0b1_0000100, 0, 0, 0, 0, // FIN, close
			0x03, 0xe8, 'o', 'k', // 1000
		}, "5 1000 \"ok\"\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := everyCut(t, tt.wire, Limits{}); got != tt.want || err != nil {
				t.Errorf("got %s %v\nwant %s", got, err, tt.want)
			}
		})
	}
}

func TestReaderAccepts(t *testing.T) {
	long := strings.Repeat("long é ", 8_300)
	tests := []struct {
		name string
		wire []byte
		lim  Limits
		want string
	}{
		{"several whole frames", join(frame(fin|text, "4hi"), frame(fin|bin, ""), frame(ping, "p"), frame(pong, "")), Limits{},
			"1 0 \"4hi\"\n2 0 \"\"\n3 0 \"p\"\n4 0 \"\"\n"},
		{"empty text", frame(fin|text, ""), Limits{}, "1 0 \"\"\n"},
		{"character across fragments", join(frame(text, "\xe2"), frame(more, "\x82"), frame(fin|more, "\xac")), Limits{}, "1 0 \"€\"\n"},
		{"empty fragments", join(frame(bin, ""), frame(ping, "p"), frame(more, ""), frame(fin|more, "")), Limits{}, "3 0 \"p\"\n2 0 \"\"\n"},
		{"control frames between fragments", join(frame(text, "ab"), frame(ping, "p"), frame(more, "c"), frame(pong, "q"), frame(fin|more, "d")), Limits{},
			"3 0 \"p\"\n4 0 \"q\"\n1 0 \"abcd\"\n"},
		{"close between fragments", join(frame(text, "ab"), frame(closes, "")), Limits{}, "5 0 \"\"\n"},
		{"two fragmented messages", join(frame(text, "a"), frame(fin|more, "b"), frame(bin, "c"), frame(fin|more, "d")), Limits{}, "1 0 \"ab\"\n2 0 \"cd\"\n"},
		{"exactly the limit", frame(fin|text, "12345"), Limits{Message: 5}, "1 0 \"12345\"\n"},
		{"exactly the limit in fragments", join(frame(text, "123"), frame(more, "4"), frame(fin|more, "5")), Limits{Message: 5}, "1 0 \"12345\"\n"},
		{"control frame longer than the limit", frame(ping, "123456"), Limits{Message: 5}, "3 0 \"123456\"\n"},
		{"longest control frame", frame(ping, strings.Repeat("p", 125)), Limits{}, "3 0 \"" + strings.Repeat("p", 125) + "\"\n"},
		{"exactly the frames that a message may have", join(frame(text, "1"), frame(ping, ""), frame(fin|more, "2"), frame(ping, ""), frame(text, "3"), frame(more, ""), frame(fin|more, "")),
			Limits{Frames: 3}, "3 0 \"\"\n1 0 \"12\"\n3 0 \"\"\n1 0 \"3\"\n"},
		{"frames between messages", join(frame(ping, ""), frame(fin|text, "1"), frame(ping, ""), frame(ping, ""), frame(fin|text, "2")),
			Limits{Frames: 1}, "3 0 \"\"\n1 0 \"1\"\n3 0 \"\"\n3 0 \"\"\n1 0 \"2\"\n"},
		{"compressed", join(frame(rsv1Bit|text, "\xff"), frame(fin|more, "\xfe"), frame(fin|text, "x")), Limits{RSV1: true}, "1z 0 \"\\xff\\xfe\"\n1 0 \"x\"\n"},
		{"16-bit length", frame(fin|bin, long[:300]), Limits{}, fmt.Sprintf("2 0 %q\n", long[:300])},
		{"64-bit length", frame(fin|text, long), Limits{}, fmt.Sprintf("1 0 %q\n", long)},
		{"close with a status that is newer than the RFC", frame(closes, "\x03\xf6bye"), Limits{}, "5 1014 \"bye\"\n"},
		{"close with a registered status", frame(closes, "\x0f\xa0bye"), Limits{}, "5 4000 \"bye\"\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := everyCut(t, tt.wire, tt.lim); got != tt.want || err != nil {
				t.Errorf("got %.300s %v\nwant %.300s", got, err, tt.want)
			}
		})
	}
}

func TestReaderRefuses(t *testing.T) {
	tests := []struct {
		name string
		wire []byte
		lim  Limits
		want *Error
	}{
		{"unmasked", []byte{fin | text, 1, 'a'}, Limits{}, ErrProtocol},
		{"RSV1 without the extension", frame(fin|rsv1Bit|text, "a"), Limits{}, ErrProtocol},
		{"RSV2", frame(fin|0x20|text, "a"), Limits{RSV1: true}, ErrProtocol},
		{"RSV3", frame(fin|0x10|text, "a"), Limits{RSV1: true}, ErrProtocol},
		{"RSV1 on a continuation", join(frame(rsv1Bit|text, "a"), frame(fin|rsv1Bit|more, "b")), Limits{RSV1: true}, ErrProtocol},
		{"RSV1 on a ping", frame(ping|rsv1Bit, ""), Limits{RSV1: true}, ErrProtocol},
		{"reserved data opcode", frame(fin|0x03, ""), Limits{}, ErrProtocol},
		{"reserved control opcode", frame(fin|0x0b, ""), Limits{}, ErrProtocol},
		{"continuation of nothing", frame(fin|more, "a"), Limits{}, ErrProtocol},
		{"continuation after the end", join(frame(fin|text, "a"), frame(fin|more, "b")), Limits{}, ErrProtocol},
		{"message inside a message", join(frame(text, "a"), frame(fin|text, "b")), Limits{}, ErrProtocol},
		{"message inside an empty beginning", join(frame(bin, ""), frame(fin|bin, "b")), Limits{}, ErrProtocol},
		{"fragmented ping", frame(0x09, ""), Limits{}, ErrProtocol},
		{"long ping", frame(ping, strings.Repeat("p", 126)), Limits{}, ErrProtocol},
		{"length with the high bit", []byte{fin | bin, maskBit | len64, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, Limits{Message: 1}, ErrProtocol},
		{"close with one byte", frame(closes, "\x03"), Limits{}, ErrProtocol},
		{"close with status 999", frame(closes, "\x03\xe7"), Limits{}, ErrProtocol},
		{"close with status 1005", frame(closes, "\x03\xed"), Limits{}, ErrProtocol},
		{"close with status 1006", frame(closes, "\x03\xee"), Limits{}, ErrProtocol},
		{"close with status 1004", frame(closes, "\x03\xec"), Limits{}, ErrProtocol},
		{"close with status 1016", frame(closes, "\x03\xf8"), Limits{}, ErrProtocol},
		{"close with status 1013, reason not UTF-8", frame(closes, "\x03\xf5\xff"), Limits{}, ErrUTF8},
		{"close with status 1015", frame(closes, "\x03\xf7"), Limits{}, ErrProtocol},
		{"close with status 2999", frame(closes, "\x0b\xb7"), Limits{}, ErrProtocol},
		{"close with status 5000", frame(closes, "\x13\x88"), Limits{}, ErrProtocol},
		{"close with status 5000, reason not UTF-8", frame(closes, "\x13\x88\xff"), Limits{}, ErrProtocol},
		{"close reason not UTF-8", frame(closes, "\x03\xe8\xff"), Limits{}, ErrUTF8},
		{"text not UTF-8", frame(fin|text, "a\xc3"), Limits{}, ErrUTF8},
		{"fragmented text not UTF-8", join(frame(text, "a\xc3"), frame(fin|more, "a")), Limits{}, ErrUTF8},
		{"surrogate in text", frame(fin|text, "\xed\xa0\x80"), Limits{}, ErrUTF8},
		{"too big by one, told by the header alone", frame(fin|text, "123456")[:6], Limits{Message: 5}, ErrTooBig},
		{"fragments too big", join(frame(text, "123"), frame(more, "45"), frame(fin|more, "6")[:6]), Limits{Message: 5}, ErrTooBig},
		{"greatest length", []byte{fin | bin, maskBit | len64, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, Limits{Message: 5}, ErrTooBig},
		{"one fragment too many", join(frame(text, "1"), frame(ping, ""), frame(fin|more, "2")), Limits{Frames: 2}, ErrFragments},
		{"a ping too many in a message", join(frame(text, "1"), frame(ping, ""), frame(ping, "")), Limits{Frames: 2}, ErrFragments},
		{"fragments beyond int64", join(frame(bin, "12"), []byte{fin | more, maskBit | len64, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}), Limits{}, ErrTooBig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := everyCut(t, tt.wire, tt.lim); err != tt.want {
				t.Errorf("err %v, want %v, after %s", err, tt.want, got)
			}
		})
	}
}

func TestErrorCodes(t *testing.T) {
	for err, code := range map[*Error]uint16{ErrProtocol: 1002, ErrUTF8: 1007, ErrTooBig: 1009, ErrFragments: 1008} {
		if err.Code != code || !strings.HasPrefix(err.Error(), "wsframe: ") {
			t.Errorf("%v: code %d, want %d", err, err.Code, code)
		}
	}
}

// TestReaderMemory: what is announced and not sent costs nothing, and what is
// sent costs at most twice its size, or a small buffer from the pool.
func TestReaderMemory(t *testing.T) {
	if size := unsafe.Sizeof(Reader{}); size > 32 {
		t.Errorf("a Reader has %d bytes", size)
	}
	pollute()
	var lim Limits
	var r watched
	head := []byte{fin | bin, maskBit | len64, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}
	if ev, n, err := r.Next(head, &lim); ev.Type != None || n != len(head) || err != nil {
		t.Fatal(ev, n, err)
	}
	if r.buf != nil {
		t.Fatalf("%d bytes for a header", r.Held())
	}
	piece, sent := make([]byte, 100), 0
	for range 100 {
		if ev, n, err := r.Next(piece, &lim); ev.Type != None || n != len(piece) || err != nil {
			t.Fatal(ev, n, err)
		}
		sent += len(piece)
		if r.Held() > max(2*sent, maxLent) {
			t.Fatalf("%d bytes for %d", r.Held(), sent)
		}
	}
	r.Release()
}

// pollute puts large buffers into the pool.
func pollute() {
	var frames []*loop.Frame
	for range 16 {
		f := loop.NewReceivedFrame()
		f.B = make([]byte, 1<<20)
		frames = append(frames, f)
	}
	for _, f := range frames {
		f.Release()
	}
}

// TestReaderKeepsBuffersApart: what is sent never gets a buffer that a received
// message has grown.
func TestReaderKeepsBuffersApart(t *testing.T) {
	var lim Limits
	wire := frame(fin|bin, strings.Repeat("x", 1<<20))
	for range 32 {
		var r Reader
		for b := range slices.Chunk(bytes.Clone(wire), 64<<10) {
			if _, _, err := r.Next(b, &lim); err != nil {
				t.Fatal(err)
			}
		}
		r.Release()
	}
	for range 32 { // kept, so that each takes another buffer
		if f := loop.NewFrame(); cap(f.B) > 64<<10 {
			t.Fatalf("%d bytes for a frame that is sent", cap(f.B))
		}
	}
}

// TestReaderLastBuffer: growth stops at the size that the frame needs.
func TestReaderLastBuffer(t *testing.T) {
	var lim Limits
	var r watched
	wire := frame(fin|bin, strings.Repeat("x", 5000))
	for end := 1000; end < len(wire); end += 1000 {
		if _, _, err := r.Next(bytes.Clone(wire[end-1000:end]), &lim); err != nil {
			t.Fatal(err)
		}
	}
	if r.largest > 5000 {
		t.Errorf("%d bytes for 5000", r.largest)
	}
	r.Release()
}

// TestReaderCopiesLinearly: however a message is fragmented, and its frames are
// cut, with control frames in between, all copies together are not longer than
// it, and the buffer is not longer than the limit admits.
func TestReaderCopiesLinearly(t *testing.T) {
	const size = 20_000
	var bytewise, pinged []byte
	for i := range size {
		first := byte(more)
		switch i {
		case 0:
			first = text
		case size - 1:
			first = fin | more
		}
		bytewise = append(bytewise, frame(first, "x")...)
		pinged = append(append(pinged, frame(first, "x")...), frame(ping, "p")...)
	}
	pinged = pinged[:len(pinged)-len(frame(ping, "p"))]
	growing := frame(text, "")
	for n, i := 0, 0; n < size; n, i = n+i, i+1 {
		growing = append(growing, frame(more, strings.Repeat("x", i))...)
	}
	growing = append(growing, frame(fin|more, "")...)
	for _, tt := range []struct {
		name string
		wire []byte
	}{{"fragments of a byte", bytewise}, {"pings between", pinged}, {"growing fragments", growing}} {
		for _, cut := range []int{1, 3, 7, 1 << 20} {
			lim := Limits{Message: size + size/2}
			var r watched
			messages, rest := 0, bytes.Clone(tt.wire)
			for len(rest) > 0 {
				piece := rest[:min(cut, len(rest))]
				rest = rest[len(piece):]
				for {
					ev, n, err := r.Next(piece, &lim)
					if err != nil {
						t.Fatalf("%s, cut at each %d: %v", tt.name, cut, err)
					}
					piece = piece[n:]
					if ev.Type == None {
						break
					}
					if ev.Type == Text {
						messages++
					}
				}
			}
			if messages != 1 || r.copied > 4*size || r.largest > size+size/2+MaxControl+maxClientHeader {
				t.Errorf("%s, cut at each %d: %d messages, %d bytes copied and a buffer of %d for %d",
					tt.name, cut, messages, r.copied, r.largest, size)
			}
		}
	}
}

// TestReaderZeroCopy: a whole frame's payload is a part of the input.
func TestReaderZeroCopy(t *testing.T) {
	wire := frame(fin|text, "hello")
	var r Reader
	ev, n, err := r.Next(wire, &Limits{})
	if n != len(wire) || err != nil || string(ev.Payload) != "hello" {
		t.Fatal(ev, n, err)
	}
	if &ev.Payload[0] != &wire[len(wire)-5] || cap(ev.Payload) != 5 {
		t.Error("copied, or open to what follows")
	}
	if r.buf != nil || r.message != 0 || r.left != 0 || r.opening != 0 || r.frames != 0 || r.payload || r.lent {
		t.Errorf("the Reader keeps %+v", r)
	}
}

func TestReaderAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("counts are off under the race detector")
	}
	wire := join(frame(fin|text, "4hello"), frame(ping, "x"), frame(fin|bin, strings.Repeat("b", 1000)))
	buf := make([]byte, len(wire))
	var r Reader
	lim := Limits{Message: 1e6}
	if allocs := testing.AllocsPerRun(100, func() {
		copy(buf, wire)
		for b := buf; ; {
			ev, n, err := r.Next(b, &lim)
			if err != nil {
				t.Fatal(err)
			}
			if b = b[n:]; ev.Type == None {
				break
			}
		}
	}); allocs != 0 {
		t.Errorf("%.0f allocations", allocs)
	}
}

func BenchmarkReader(b *testing.B) {
	for _, size := range []int{16, 64, 125, 1024, 64 << 10} {
		wire := frame(fin|text, strings.Repeat("x", size))
		b.Run(fmt.Sprintf("whole/%d", size), func(b *testing.B) {
			buf := make([]byte, len(wire))
			var r Reader
			var lim Limits
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				copy(buf, wire)
				if ev, _, err := r.Next(buf, &lim); ev.Type != Text || err != nil {
					b.Fatal(ev.Type, err)
				}
			}
		})
		b.Run(fmt.Sprintf("cut/%d", size), func(b *testing.B) {
			buf := make([]byte, len(wire))
			var r Reader
			var lim Limits
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				copy(buf, wire)
				cut := 14 + size/2
				if ev, _, err := r.Next(buf[:cut], &lim); ev.Type != None || err != nil {
					b.Fatal(ev.Type, err)
				}
				ev, n, err := r.Next(buf[cut:], &lim)
				if ev.Type != Text || err != nil {
					b.Fatal(ev.Type, err)
				}
				if ev, _, err = r.Next(buf[cut+n:], &lim); ev.Type != None || err != nil {
					b.Fatal(ev.Type, err)
				}
			}
		})
	}
}
