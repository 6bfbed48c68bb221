package wsframe

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// FuzzReader checks that the cuts do not matter, and that a stream which the
// Reader accepts is read alike by gobwas.
func FuzzReader(f *testing.F) {
	for _, seed := range [][]byte{
		frame(fin|text, "2probe"), frame(fin|bin, strings.Repeat("x", 300)), frame(closes, "\x03\xe8bye"),
		join(frame(text, "ab"), frame(ping, "p"), frame(fin|more, "c"), frame(fin|text, "\xff")),
		join(frame(rsv1Bit|bin, ""), frame(more, "x"), frame(fin|more, "")), {fin | text, 1, 'a'},
		{fin | bin, maskBit | len64, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5},
	} {
		f.Add(seed, uint16(1), uint16(9), true)
	}
	f.Fuzz(func(t *testing.T, wire []byte, i, j uint16, rsv1 bool) {
		lim := Limits{Message: 1000, RSV1: rsv1}
		got, err := read(t, wire, lim)
		cuts := []int{int(i) % (len(wire) + 1), int(j) % (len(wire) + 1)}
		slices.Sort(cuts)
		if cut, cutErr := read(t, wire, lim, cuts...); cut != got || cutErr != err {
			t.Fatalf("cut at %v: %s %v\nwant %s %v", cuts, cut, cutErr, got, err)
		}
		every := make([]int, len(wire))
		for k := range every {
			every[k] = k
		}
		if cut, cutErr := read(t, wire, lim, every...); cut != got || cutErr != err {
			t.Fatalf("byte by byte: %s %v\nwant %s %v", cut, cutErr, got, err)
		}
		if std, ok := readGobwas(wire, rsv1); !strings.HasPrefix(std, got) || err == nil && (!ok || std != got) {
			t.Fatalf("gobwas %s\nours %s %v", std, got, err)
		}
	})
}

// readGobwas returns the events of wire by gobwas's blocking reader and checks;
// ok reports whether it refused nothing.
func readGobwas(wire []byte, rsv1 bool) (events string, ok bool) {
	var got, message strings.Builder
	state := ws.StateServerSide
	if rsv1 {
		state = state.Set(ws.StateExtended)
	}
	var opening ws.Header
	for r := bytes.NewReader(wire); ; {
		h, err := ws.ReadHeader(r)
		if err != nil || h.Length > int64(r.Len()) {
			return got.String(), true // the end, or a frame that is cut off
		}
		f := ws.Frame{Header: h, Payload: make([]byte, h.Length)}
		if _, err := io.ReadFull(r, f.Payload); err != nil {
			return got.String(), true
		}
		if ws.CheckHeader(f.Header, state) != nil {
			return got.String(), false
		}
		f = ws.UnmaskFrameInPlace(f)
		switch op := f.Header.OpCode; op {
		case ws.OpPing:
			fmt.Fprintf(&got, "%d 0 %q\n", Ping, f.Payload)
		case ws.OpPong:
			fmt.Fprintf(&got, "%d 0 %q\n", Pong, f.Payload)
		case ws.OpClose:
			code, reason := uint16(0), []byte(nil)
			if len(f.Payload) >= 2 {
				code, reason = uint16(f.Payload[0])<<8|uint16(f.Payload[1]), f.Payload[2:]
			}
			fmt.Fprintf(&got, "%d %d %q\n", Close, code, reason)
		default:
			if op != ws.OpContinuation {
				opening = f.Header
				message.Reset()
			}
			message.Write(f.Payload)
			state = state.Set(ws.StateFragmented)
			if !f.Header.Fin {
				continue
			}
			state = state.Clear(ws.StateFragmented)
			fmt.Fprintf(&got, "%d", opening.OpCode)
			if opening.Rsv1() {
				got.WriteString("z")
			}
			fmt.Fprintf(&got, " 0 %q\n", message.String())
		}
	}
}
