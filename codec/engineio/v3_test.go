package engineio

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func nextText(b []byte) (Packet, []byte, bool, error)   { return NextPacketV3(b, false) }
func nextBinary(b []byte) (Packet, []byte, bool, error) { return NextPacketV3(b, true) }

func TestNextPacketV3Text(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		err            error
	}{
		{"E118 one", "6:4hello", "4hello", nil},
		{"E119 three", "6:4test16:4test26:4test3", "4test1|4test2|4test3", nil},
		{"E120 base64", "6:4hello10:b4AQIDBA==", "4hello|bAQIDBA==", nil},
		{"E123 UTF-16 units", "4:4é😀1:2", "4é😀|2", nil},
		{"E123 event", `16:42["echo","é😀"]`, `42["echo","é😀"]`, nil},
		{"E126 ping", "1:2", "2", nil},
		{"E130 close", "1:1", "1", nil},
		{"length 0 is skipped", "0:1:2", "6|2", nil},
		{"nothing but length 0", "0:", "6", nil},
		{"E124 no length", "abc", "", ErrPayloadLength},
		{"E124 no packet", "1:", "", ErrPayloadLength},
		{"E124 short", "2:4", "", ErrPayloadLength},
		{"E124 empty length", ":4", "", ErrPayloadLength},
		{"E124 trailing", "1:2x", "2", ErrPayloadLength},
		{"E124 negative", "-1:4", "", ErrPayloadLength},
		{"E124 empty", "", "", ErrEmptyPacket},
		{"trailing digits", "1:212", "2", ErrPayloadLength},
		{"fraction", "1.0:2", "", ErrPayloadLength},
		{"split surrogate pair", "2:4😀", "", ErrPayloadLength},
		{"unknown type", "1:7", "", ErrUnknownType},
		{"base64 without type", "1:b", "", ErrUnknownType},
		{"base64 of unknown type", "2:b9", "", ErrUnknownType},
		{"overflow", "18446744073709551617:4", "", ErrPayloadLength},
		{"310 digits", strings.Repeat("0", 309) + "1:2", "2", nil},
		{"311 digits", strings.Repeat("0", 310) + "1:2", "", ErrPayloadLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			packets, err := collect(nextText, []byte(c.in))
			if got := join(packets); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestNextPacketV3Binary(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		err            error
	}{
		{"E122 string", "\x00\x06\xff4hello", "4hello", nil},
		{"E122 string and binary", "\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04", "4hello|bAQIDBA==", nil},
		{"lengths count bytes", "\x00\x07\xff4é😀\x00\x01\xff2", "4é😀|2", nil},
		{"two digits", "\x00\x01\x00\xff4123456789", "4123456789", nil},
		{"empty binary message", "\x01\x01\xff\x04", "b", nil},
		{"E125 mark only", "\x00", "", ErrPayloadLength},
		{"E125 no digits", "\x00\xff", "", ErrPayloadLength},
		{"E125 no packet", "\x00\x01\xff", "", ErrPayloadLength},
		{"E125 invalid UTF-8", "\x00\x03\xff4\xc3\x28", "", ErrInvalidUTF8},
		{"E125 cut character", "\x00\x02\xff4\xc3", "", ErrInvalidUTF8},
		{"length 0", "\x00\x00\xff", "", ErrEmptyPacket},
		{"unknown mark", "\x02\x01\xff4", "", ErrPayloadLength},
		{"digit above 9", "\x00\x0a\xff4123456789", "", ErrPayloadLength},
		{"no end of digits", "\x00\x01\x01\x01", "", ErrPayloadLength},
		{"unknown text type", "\x00\x01\xff7", "", ErrUnknownType},
		{"unknown binary type", "\x01\x01\xff\x07", "", ErrUnknownType},
		{"trailing", "\x00\x01\xff2\x00", "2", ErrPayloadLength},
		{"overflow", "\x00" + strings.Repeat("\x09", 300) + "\xff4", "", ErrPayloadLength},
		{"310 digits", "\x00" + strings.Repeat("\x00", 309) + "\x01\xff2", "2", nil},
		{"311 digits", "\x00" + strings.Repeat("\x00", 310) + "\x01\xff2", "", ErrPayloadLength},
		{"empty", "", "", ErrEmptyPacket},
	} {
		t.Run(c.name, func(t *testing.T) {
			packets, err := collect(nextBinary, []byte(c.in))
			if got := join(packets); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestAppendV3(t *testing.T) {
	text := Packet{Message, false, []byte("é😀")}
	binary := Packet{Message, true, []byte{1, 2, 3, 4}}
	for _, c := range []struct{ name, got, want string }{
		{"E129 text message", string(AppendPacketV3(nil, text, false)), "4é😀"},
		{"E129 binary message", string(AppendPacketV3(nil, binary, false)), "\x04\x01\x02\x03\x04"},
		{"E67 binary in base64", string(AppendPacketV3(nil, binary, true)), "b4AQIDBA=="},
		{"E123 string payload", string(AppendPayloadV3(nil, text)), "4:4é😀"},
		{"E120 base64 in a string payload", string(AppendPayloadV3(nil, binary)), "10:b4AQIDBA=="},
		{"empty in a string payload", string(AppendPayloadV3(nil, Packet{Message, true, nil})), "2:b4"},
		{"E121 text in a binary payload", string(AppendBinaryPayloadV3(nil, Packet{Message, false, []byte("hello")})), "\x00\x06\xff4hello"},
		{"E121 binary in a binary payload", string(AppendBinaryPayloadV3(nil, binary)), "\x01\x05\xff\x04\x01\x02\x03\x04"},
		{"two digits", string(AppendBinaryPayloadV3(nil, Packet{Message, false, []byte("123456789")})), "\x00\x01\x00\xff4123456789"},
		{"E117 handshake", string(AppendPayloadV3(nil, Packet{Open, false, []byte("{}")})), "3:0{}"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestParsePacketV3(t *testing.T) {
	for _, c := range []struct {
		name, in string
		binary   bool
		want     Packet
		err      error
	}{
		{"E129 ping", "2", false, Packet{Ping, false, nil}, nil},
		{"E129 binary", "\x04\x01", true, Packet{Message, true, []byte{1}}, nil},
		{"base64", "b4AQ==", false, Packet{Message, true, []byte{1}}, nil},
		{"empty text", "", false, Packet{}, ErrEmptyPacket},
		{"empty binary", "", true, Packet{}, ErrEmptyPacket},
		{"digit as binary type", "4", true, Packet{}, ErrUnknownType},
	} {
		got, err := ParsePacketV3([]byte(c.in), c.binary)
		if !same(got, c.want) || !errors.Is(err, c.err) {
			t.Errorf("%s: got %+v, %v", c.name, got, err)
		}
	}
}

func FuzzNextPacketV3Text(f *testing.F) {
	for _, s := range []string{"6:4hello10:b4AQIDBA==", "4:4é😀1:2", "0:1:2", "311:"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text := ToValidText(b)
		packets, err := collect(nextText, bytes.Clone(text))
		if err != nil {
			return
		}
		var wire, binaryWire []byte
		for _, p := range packets {
			wire = AppendPayloadV3(wire, p)
			binaryWire = AppendBinaryPayloadV3(binaryWire, p)
		}
		checkAgain(t, nextText, packets, wire)
		checkAgain(t, nextBinary, packets, binaryWire)
	})
}

func FuzzNextPacketV3Binary(f *testing.F) {
	for _, s := range []string{"\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04", "\x00\xff", "\x01\x01\xff\x04"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		packets, err := collect(nextBinary, bytes.Clone(b))
		if err != nil {
			return
		}
		var wire []byte
		for _, p := range packets {
			wire = AppendBinaryPayloadV3(wire, p)
		}
		checkAgain(t, nextBinary, packets, wire)
	})
}

func checkAgain(t *testing.T, next func([]byte) (Packet, []byte, bool, error), packets []Packet, wire []byte) {
	t.Helper()
	again, err := collect(next, bytes.Clone(wire))
	if err != nil || len(again) != len(packets) {
		t.Fatalf("%q: %d packets, then %d, %v", wire, len(packets), len(again), err)
	}
	for i := range packets {
		if !same(packets[i], again[i]) {
			t.Fatalf("%q: packet %d was %+v, is %+v", wire, i, packets[i], again[i])
		}
	}
}

func BenchmarkNextPacketV3(b *testing.B) {
	payload := AppendPayloadV3(nil, Packet{Message, false, []byte(`2["message","` + strings.Repeat("é", 100) + `"]`)})
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := NextPacketV3(payload, false); err != nil {
			b.Fatal(err)
		}
	}
}
