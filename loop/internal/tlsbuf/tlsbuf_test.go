package tlsbuf

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"testing"
)

// TestKnown: package tls of this Go release has the fields. Without them an
// idle connection takes twice the memory.
func TestKnown(t *testing.T) {
	if !Known {
		t.Fatal("the fields of tls.Conn are not found")
	}
}

func TestUnknownFields(t *testing.T) {
	for name, conn := range map[string]reflect.Type{
		"missing":      reflect.TypeFor[struct{ rawInput, hand bytes.Buffer }](),
		"another type": reflect.TypeFor[struct{ rawInput, hand, input bytes.Buffer }](),
	} {
		if _, ok := find(conn); ok {
			t.Errorf("%s: found", name)
		}
	}
}

func TestLendAndReclaim(t *testing.T) {
	c := tls.Server(nil, nil)
	raw, hand, input := field[bytes.Buffer](c, at.rawInput), field[bytes.Buffer](c, at.hand), field[bytes.Reader](c, at.input)
	buf := make([]byte, 100)
	Lend(c, buf)
	raw.WriteString("record")
	if string(buf[:6]) != "record" {
		t.Error("the buffer that was lent is not used")
	}
	raw.Next(4)
	input.Reset(buf[:4])
	hand.WriteString("m")
	if n := Reclaim(c); n != 1 {
		t.Errorf("%d bytes of a message are kept", n)
	}
	clear(buf)
	if raw.String() != "rd" || input.Len() != 4 || hand.String() != "m" {
		t.Errorf("unread bytes are %q, %d of input, %q", raw.String(), input.Len(), hand.String())
	}
	var read [4]byte
	input.Read(read[:])
	if string(read[:]) != "reco" {
		t.Errorf("input has %q", read)
	}
	raw.Next(2)
	hand.Next(1)
	if n := Reclaim(c); n != 0 {
		t.Errorf("%d bytes of a message are kept", n)
	}
	if raw.Cap() != 0 || hand.Cap() != 0 || input.Size() != 0 {
		t.Error("empty buffers are kept")
	}
}
