package engineio

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParsePacket(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     Packet
		err      error
	}{
		{"message", "4hello", Packet{Message, false, []byte("hello")}, nil},
		{"no data", "4", Packet{Message, false, []byte{}}, nil},
		{"open", "0{}", Packet{Open, false, []byte("{}")}, nil},
		{"probe", "2probe", Packet{Ping, false, []byte("probe")}, nil},
		{"noop", "6", Packet{Noop, false, []byte{}}, nil},
		{"binary", "bAQIDBA==", Packet{Message, true, []byte{1, 2, 3, 4}}, nil},
		{"empty binary", "b", Packet{Message, true, []byte{}}, nil},
		{"binary of no base64 at all", "b!!!", Packet{Message, true, []byte{}}, nil},
		{"empty", "", Packet{}, ErrEmptyPacket},
		{"letter", "abc", Packet{}, ErrUnknownType},
		{"type 7", "7", Packet{}, ErrUnknownType},
		{"byte below the digits", "/", Packet{}, ErrUnknownType},
		{"space", " 4", Packet{}, ErrUnknownType},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParsePacket([]byte(c.in))
			if !errors.Is(err, c.err) || !same(got, c.want) {
				t.Errorf("got %+v, %v; want %+v, %v", got, err, c.want, c.err)
			}
		})
	}
}

func same(a, b Packet) bool {
	return a.Type == b.Type && a.Binary == b.Binary && bytes.Equal(a.Data, b.Data)
}

func TestAppendPacket(t *testing.T) {
	for want, p := range map[string]Packet{
		"4hello":    {Type: Message, Data: []byte("hello")},
		"6":         {Type: Noop},
		"3probe":    {Type: Pong, Data: []byte("probe")},
		"bAQIDBA==": {Type: Message, Binary: true, Data: []byte{1, 2, 3, 4}},
		"b":         {Type: Message, Binary: true},
	} {
		if got := string(AppendPacket([]byte("x"), p)); got != "x"+want {
			t.Errorf("got %q, want %q", got, "x"+want)
		}
	}
}

// TestDecodeBase64 holds what Node 20 gave for Buffer.from(s, "base64").
func TestDecodeBase64(t *testing.T) {
	for in, want := range map[string]string{
		"!!!": "", "YQ==YQ==": "a", "=bad=bad": "", "YWJj=ZGVm": "abc", "YW=Jj": "a", "YW J\nj": "abc",
		"A": "", "AB": "\x00", "ABC": "\x00\x10", "-_-_": "\xfb\xff\xbf", "+/+/": "\xfb\xff\xbf",
		"YQ=": "a", "YQ": "a", "Y!Q==": "a", " =Zm9v": "", "Zm9v=": "foo", "Zm9vZg=a": "foof",
		"Zm9v\xffYmFy": "foobar", "": "",
	} {
		if got := string(decodeBase64([]byte(in))); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// collect walks a payload as a session does; the packets before an error are
// kept.
func collect(next func([]byte) (Packet, []byte, bool, error), payload []byte) (packets []Packet, err error) {
	for more := true; more; {
		var p Packet
		if p, payload, more, err = next(payload); err != nil {
			return packets, err
		}
		packets = append(packets, p)
	}
	return packets, nil
}

func join(packets []Packet) string {
	var b []byte
	for i, p := range packets {
		if i > 0 {
			b = append(b, '|')
		}
		b = AppendPacket(b, p)
	}
	return string(b)
}

func TestNextPacket(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		err            error
	}{
		{"E34 one", "4hello", "4hello", nil},
		{"E36 three", "4test1\x1e4test2\x1e4test3", "4test1|4test2|4test3", nil},
		{"E37 text and binary", "4hello\x1ebAQIDBA==", "4hello|bAQIDBA==", nil},
		{"E38 bad type", "abc", "", ErrUnknownType},
		{"E39 empty", "", "", ErrEmptyPacket},
		{"E39 trailing separator", "4a\x1e", "4a", ErrEmptyPacket},
		{"E39 leading separator", "\x1e4a", "", ErrEmptyPacket},
		{"E39 two separators", "4a\x1e\x1e4b", "4a", ErrEmptyPacket},
		{"E39 type 7", "4a\x1e7\x1e4b", "4a", ErrUnknownType},
		{"E50 lenient base64", "b!!!", "b", nil},
		{"E54 close then more", "1\x1e4x", "1|4x", nil},
		{"E55 order", "42\x1e41\x1e40", "42|41|40", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			packets, err := collect(NextPacket, []byte(c.in))
			if got := join(packets); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestAppendHandshake(t *testing.T) {
	h := Handshake{"e8rF0fHFlMO4Yh3TAAAA", []string{"websocket"}, 25 * time.Second, 20 * time.Second, 1e6}
	const want = `{"sid":"e8rF0fHFlMO4Yh3TAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	if got := string(AppendHandshake(nil, h)); got != want {
		t.Errorf("got %s", got)
	}
	h = Handshake{SID: `my"id`, Upgrades: []string{"websocket", "webtransport"}, PingInterval: 300 * time.Millisecond}
	const want2 = `{"sid":"my\"id","upgrades":["websocket","webtransport"],"pingInterval":300,"pingTimeout":0,"maxPayload":0}`
	if got := string(AppendHandshake(nil, h)); got != want2 {
		t.Errorf("got %s", got)
	}
	if got := string(AppendHandshake(nil, Handshake{})); !strings.Contains(got, `"upgrades":[],`) {
		t.Errorf("got %s", got)
	}
}

// TestToValidText holds what Node 20 gave for Buffer.toString().
func TestToValidText(t *testing.T) {
	const r = "\ufffd"
	for in, want := range map[string]string{
		"":                   "",
		"é😀":                 "é😀",
		"\ufffd":             r,
		"\xe2\x82x":          r + "x",
		"\xf0\x9f\x98":       r,
		"\xf0\x80\x80\x80":   r + r + r + r,
		"\xed\xa0\x80":       r + r + r,
		"\xc0\xaf":           r + r,
		"\xf4\x90\x80\x80":   r + r + r + r,
		"\xef\xbb\xbf4":      "\ufeff4",
		"a\x80b\xc3":         "a" + r + "b" + r,
		"\xe2\xe2\x82\xac":   r + "€",
		"\xf0\x9f\x98\xc3é":  r + r + "é",
		"\xf5\x80\xff":       r + r + r,
		"4[\"\xe0\xa0\"]":    "4[\"" + r + "\"]",
		"\xe0\x9f\x80":       r + r + r,
		"\xf1\x80\x80\xc2":   r + r,
		"\xf1\x80\x80\x1e4a": r + "\x1e4a",
	} {
		if got := string(ToValidText([]byte(in))); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	valid := []byte("4é")
	if got := ToValidText(valid); &got[0] != &valid[0] {
		t.Error("valid text was copied")
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	payload := []byte("4hello\x1e4world\x1ebAQIDBA==")
	textV3, binaryV3 := []byte(`16:42["echo","é😀"]1:2`), []byte("\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04")
	dst := make([]byte, 0, 512)
	p := Packet{Type: Message, Data: []byte("hello")}
	h := Handshake{SID: "e8rF0fHFlMO4Yh3TAAAA", Upgrades: []string{"websocket"}, PingInterval: time.Second}
	walk := func(next func([]byte) (Packet, []byte, bool, error), payload []byte) {
		for more := true; more; {
			_, payload, more, _ = next(payload)
		}
	}
	text := func(b []byte) (Packet, []byte, bool, error) { return NextPacketV3(b, false) }
	binary := func(b []byte) (Packet, []byte, bool, error) { return NextPacketV3(b, true) }
	for name, f := range map[string]func(){
		"NextPacket":            func() { walk(NextPacket, payload) },
		"NextPacketV3 text":     func() { walk(text, textV3) },
		"NextPacketV3 binary":   func() { walk(binary, binaryV3) },
		"AppendPacket":          func() { AppendPacket(dst, p) },
		"AppendPacket binary":   func() { AppendPacket(dst, Packet{Message, true, p.Data}) },
		"AppendPayloadV3":       func() { AppendPayloadV3(dst, p) },
		"AppendBinaryPayloadV3": func() { AppendBinaryPayloadV3(dst, p) },
		"AppendHandshake":       func() { AppendHandshake(dst, h) },
		"ToValidText":           func() { ToValidText(payload) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func FuzzParsePacket(f *testing.F) {
	for _, s := range []string{"4hello", "bAQIDBA==", "b!!!", "2probe", "7", "", "0{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePacket(bytes.Clone(b))
		if err != nil {
			return
		}
		again, err := ParsePacket(AppendPacket(nil, p))
		if err != nil || !same(p, again) {
			t.Fatalf("%q: %+v, then %+v, %v", b, p, again, err)
		}
	})
}

func FuzzNextPacket(f *testing.F) {
	for _, s := range []string{"4hello\x1ebAQIDBA==\x1e4x", "\x1e", "4\x1e", "b\x1eb"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		packets, err := collect(NextPacket, bytes.Clone(b))
		if err != nil {
			return
		}
		var wire []byte
		for i, p := range packets {
			if i > 0 {
				wire = append(wire, Separator)
			}
			wire = AppendPacket(wire, p)
		}
		again, err := collect(NextPacket, bytes.Clone(wire))
		if err != nil || join(packets) != join(again) {
			t.Fatalf("%q: %q, then %q, %v", b, join(packets), join(again), err)
		}
	})
}

func FuzzToValidText(f *testing.F) {
	f.Add([]byte("a\xf0\x9f\x98b\xed\xa0\x80"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := ToValidText(b)
		// Go replaces each byte where the browser replaces a whole part: the
		// two agree once runs of replacements are folded.
		fold := func(s string) string {
			for strings.Contains(s, "\ufffd\ufffd") {
				s = strings.ReplaceAll(s, "\ufffd\ufffd", "\ufffd")
			}
			return s
		}
		if want := string([]rune(string(b))); fold(string(got)) != fold(want) {
			t.Fatalf("%q: got %q, want %q up to the count of replacements", b, got, want)
		}
	})
}

func BenchmarkNextPacket(b *testing.B) {
	payload := []byte(`42["message","` + strings.Repeat("x", 100) + "\"]\x1e3\x1e42[\"b\"]")
	b.ReportAllocs()
	for b.Loop() {
		rest, more := payload, true
		var err error
		for more {
			if _, rest, more, err = NextPacket(rest); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkDecodeBase64(b *testing.B) {
	wire := AppendPacket(nil, Packet{Message, true, bytes.Repeat([]byte("abc"), 1000)})
	buf := make([]byte, len(wire))
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, wire)
		if _, err := ParsePacket(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendHandshake(b *testing.B) {
	h := Handshake{"e8rF0fHFlMO4Yh3TAAAA", []string{"websocket"}, 25 * time.Second, 20 * time.Second, 1e6}
	dst := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		AppendHandshake(dst, h)
	}
}
