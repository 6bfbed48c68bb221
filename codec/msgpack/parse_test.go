package msgpack

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/codec/socketio"
)

func describe(h socketio.Header) string {
	s := fmt.Sprintf("%d %s", h.Type, h.Namespace)
	if h.HasID {
		s += fmt.Sprintf(" id=%d", h.ID)
	}
	if h.Data != nil {
		data, err := AppendJSON(nil, h.Data)
		s += fmt.Sprintf(" %s", data)
		if err != nil {
			s += err.Error()
		}
	}
	return s
}

var packets = map[string]string{
	"client connect":           `0 /`,
	"client connect with auth": `0 /admin {"token":"abc"}`,
	"server connect":           `0 / {"sid":"wZX3oN0bSVIhsaknAAAI"}`,
	"client event with ack":    `2 / id=0 ["q",5]`,
	"event with binary":        `2 /a ["blob","AQID",{"b":"aGk="}]`,
	"event with array buffer":  `2 / ["buf","CQg=",{"d":"2025-11-24T16:00:00.123Z"}]`,
	"event with undefined":     `2 / ["u",null,{"b":1}]`,
	"event with large id":      `2 / id=4294967296 ["e"]`,
	"ack":                      `3 / id=0 [5]`,
	"ack undefined":            `3 / id=7 [null]`,
	"disconnect":               `1 /`,
	"client disconnect":        `1 /a`,
	"connect error":            `4 /a {"message":"bad"}`,
	"connect error string":     `4 /a "bad"`,
	"number as name":           `2 / [1.5,"x"]`,
}

// TestX6ParseJavaScriptsPackets parses what the stock parser writes (X6, X8).
func TestX6ParseJavaScriptsPackets(t *testing.T) {
	all := vectors(t)
	for name, want := range packets {
		wire := all["packet "+name]
		h, err := ParsePacket(wire)
		if err != nil || describe(h) != want {
			t.Errorf("%s: %s, %v; want %s", name, describe(h), err, want)
		}
		for n := range wire {
			if _, err := ParsePacket(wire[:n:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s cut to %d: %v", name, n, err)
			}
		}
	}
}

// packet returns a map of the pairs, given as raw keys and values.
func packet(members ...string) string {
	b := string(AppendMapHeader(nil, len(members)/2))
	return b + strings.Join(members, "")
}

const (
	keyType, keyNsp, keyID, keyData = "\xa4type", "\xa3nsp", "\xa2id", "\xa4data"

	root      = "\xa1/"
	undefined = "\xd4\x00\x00"
	float5    = "\xcb\x40\x14\x00\x00\x00\x00\x00\x00"
	float1p5  = "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"
	float1e20 = "\xcb\x44\x15\xaf\x1d\x78\xb5\x8c\x40"
	infinite  = "\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"
)

func event(data string) string { return packet(keyType, "\x02", keyNsp, root, keyData, data) }

func withID(id string) string {
	return packet(keyType, "\x02", keyNsp, root, keyData, "\x91\xa1e", keyID, id)
}

var parseCases = []struct {
	name, in, want string
	err            error
}{
	{"event", event("\x92\xa1e\x01"), `2 / ["e",1]`, nil},
	{"empty name", event("\x91\xa0"), `2 / [""]`, nil},
	{"name of 8-bit length", event("\x91\xd9\x01e"), `2 / ["e"]`, nil},
	{"name of 16-bit length", event("\x91\xda\x00\x01e"), `2 / ["e"]`, nil},
	{"name of 32-bit length", event("\xdd\x00\x00\x00\x01\xdb\x00\x00\x00\x01e"), `2 / ["e"]`, nil},
	{"S53 error", event("\x91\xa5error"), `2 / ["error"]`, nil},
	{"float type", packet(keyType, "\xca\x3f\x80\x00\x00", keyNsp, root), `1 /`, nil},
	{"any order, unknown members, other keys", packet(keyNsp, "\xa2/a", "\xa1x", "\x91\xc0", "\x05", "\x06", "\xc4\x04type", "\x07", keyType, "\x01"), `1 /a`, nil},
	{"last of duplicates", packet(keyType, "\x07", keyType, "\x01", keyNsp, "\x01", keyNsp, root), `1 /`, nil},
	{"map of 16 and 32 bits", "\xde\x00\x02" + keyType + "\x01" + keyNsp + root, `1 /`, nil},
	{"namespace not UTF-8", packet(keyType, "\x01", keyNsp, "\xa2/\xff"), "1 /\ufffd", nil},
	{"namespace without slash", packet(keyType, "\x01", keyNsp, "\xa1x"), `1 x`, nil},
	{"X8 undefined data of a connect", packet(keyType, "\x00", keyNsp, root, keyData, undefined), `0 /`, nil},
	{"X8 undefined data of a disconnect", packet(keyType, "\x01", keyNsp, root, keyData, undefined), `1 /`, nil},
	{"X8 undefined id", withID(undefined), `2 / ["e"]`, nil},
	{"X8 undefined argument", event("\x92\xa1e" + undefined), `2 / ["e",null]`, nil},
	{"X8 undefined member", event("\x92\xa1e\x81\xa1m" + undefined), `2 / ["e",{}]`, nil},
	{"float id", withID(float5), `2 / id=5 ["e"]`, nil},
	{"largest id", withID("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), `2 / id=18446744073709551615 ["e"]`, nil},
	{"id beyond 64 bits", withID(float1e20), `2 / id=18446744073709551615 ["e"]`, nil},
	{"ack of nothing", packet(keyType, "\x03", keyNsp, root, keyData, "\x90"), `3 / []`, nil},

	{"X7 type 5", packet(keyType, "\x05", keyNsp, root, keyData, "\x91\xa1e"), "", ErrUnknownType},
	{"type -1", packet(keyType, "\xff", keyNsp, root), "", ErrUnknownType},
	{"type 1.5", packet(keyType, float1p5, keyNsp, root), "", ErrUnknownType},
	{"type string", packet(keyType, "\xa11", keyNsp, root), "", ErrUnknownType},
	{"no type", packet(keyNsp, root), "", ErrUnknownType},
	{"empty map", "\x80", "", ErrUnknownType},
	{"no map", "\x05", "", ErrUnknownType},
	{"array", "\x92\x01\x02", "", ErrUnknownType},
	{"X7 no nsp", packet(keyType, "\x01"), "", ErrInvalidNamespace},
	{"nsp undefined", packet(keyType, "\x01", keyNsp, undefined), "", ErrInvalidNamespace},
	{"nsp number", packet(keyType, "\x01", keyNsp, "\x01"), "", ErrInvalidNamespace},
	{"nsp binary", packet(keyType, "\x01", keyNsp, "\xc4\x01/"), "", ErrInvalidNamespace},
	{"nsp empty", packet(keyType, "\x01", keyNsp, "\xa0"), "", ErrInvalidNamespace},
	{"X7 data map", event("\x81\xa1a\x01"), "", ErrInvalidPayload},
	{"event without data", packet(keyType, "\x02", keyNsp, root), "", ErrInvalidPayload},
	{"event with nil", event("\xc0"), "", ErrInvalidPayload},
	{"event with an extension", event("\xd4\x05\x00"), "", ErrInvalidPayload},
	{"ack without data", packet(keyType, "\x03", keyNsp, root), "", ErrInvalidPayload},
	{"connect nil", packet(keyType, "\x00", keyNsp, root, keyData, "\xc0"), "", ErrInvalidPayload},
	{"connect array", packet(keyType, "\x00", keyNsp, root, keyData, "\x90"), "", ErrInvalidPayload},
	{"connect date", packet(keyType, "\x00", keyNsp, root, keyData, "\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "", ErrInvalidPayload},
	{"disconnect nil", packet(keyType, "\x01", keyNsp, root, keyData, "\xc0"), "", ErrInvalidPayload},
	{"connect error without data", packet(keyType, "\x04", keyNsp, root), "", ErrInvalidPayload},
	{"connect error array", packet(keyType, "\x04", keyNsp, root, keyData, "\x90"), "", ErrInvalidPayload},
	{"S29 empty array", event("\x90"), "", ErrInvalidPayload},
	{"S29 nil name", event("\x91\xc0"), "", ErrInvalidPayload},
	{"S29 true name", event("\x91\xc3"), "", ErrInvalidPayload},
	{"S29 map name", event("\x91\x80"), "", ErrInvalidPayload},
	{"binary name", event("\x91\xc4\x01e"), "", ErrInvalidPayload},
	{"S30 disconnect", event("\x91\xaadisconnect"), "", ErrInvalidPayload},
	{"S30 connect", event("\x91\xd9\x07connect"), "", ErrInvalidPayload},
	{"X7 id string", withID("\xa11"), "", ErrInvalidID},
	{"X7 id nil", withID("\xc0"), "", ErrInvalidID},
	{"id -1", withID("\xff"), "", ErrInvalidID},
	{"id 1.5", withID(float1p5), "", ErrInvalidID},
	{"id infinite", withID(infinite), "", ErrInvalidID},
	{"X7 trailing byte", event("\x91\xa1e") + "\x00", "", ErrMalformed},
	{"X7 empty", "", "", ErrMalformed},
	{"X7 c1", "\xc1", "", ErrMalformed},
	{"c1 inside", event("\x92\xa1e\xc1"), "", ErrMalformed},
	{"no map and a trailing byte", "\x05\x05", "", ErrMalformed},
	{"pairs that are not there", "\xdf\xff\xff\xff\xff" + keyType + "\x01", "", ErrMalformed},
	{"items that are not there", event("\xdd\xff\xff\xff\xff\xa1e"), "", ErrMalformed},
	{"bytes that are not there", event("\x92\xa1e\xc6\xff\xff\xff\xff"), "", ErrMalformed},
	{"too deep", event("\x92\xa1e" + strings.Repeat("\x91", MaxDepth) + "\xc0"), "", ErrTooDeep},
}

func TestParsePacket(t *testing.T) {
	for _, c := range parseCases {
		t.Run(c.name, func(t *testing.T) {
			h, err := ParsePacket([]byte(c.in))
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err == nil && describe(h) != c.want {
				t.Errorf("got %s, want %s", describe(h), c.want)
			}
		})
	}
}

func TestSplitEvent(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"string", "\x93\xa1e\x01\xa1x", "e"},
		{"empty", "\x91\xa0", ""},
		{"not UTF-8", "\x91\xa3a\xffb", "a\ufffdb"},
		{"integer", "\x91\xcd\x01\x00", "256"},
		{"negative", "\x91\xe0", "-32"},
		{"fraction", "\x91" + float1p5, "1.5"},
		{"whole float", "\x91" + float5, "5"},
		{"large", "\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709552000"},
		{"larger", "\x91" + float1e20, "100000000000000000000"},
		{"infinite", "\x91" + infinite, "Infinity"},
		{"minus infinite", "\x91\xca\xff\x80\x00\x00", "-Infinity"},
		{"no number", "\x91\xca\x7f\xc0\x00\x00", "NaN"},
	} {
		name, args, err := SplitEvent([]byte(c.data))
		if err != nil || name == nil || string(name) != c.want || args.Len() != len(slices.Collect(all(args))) {
			t.Errorf("%s: %q, %v, %v", c.name, name, args, err)
		}
	}
	for _, data := range []string{"\x90", "\x91\xc0", "\x91\xc4\x00", "\x80", "\xc0", ""} {
		if name, args, err := SplitEvent([]byte(data)); !errors.Is(err, ErrInvalidPayload) {
			t.Errorf("% x: %q, %v, %v", data, name, args, err)
		}
	}
	if name, args, err := SplitEvent(nil); name != nil || args.Len() != 0 || err != nil {
		t.Errorf("nothing: %q, %v, %v", name, args, err)
	}
}

// all yields the arguments of args.
func all(args RawArgs) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for arg, ok := args.Next(); ok && yield(arg); arg, ok = args.Next() {
		}
	}
}

func TestRawArgs(t *testing.T) {
	args, err := SplitAck([]byte("\x93\x01\x92\xa1a\xa1b\xc0"))
	if err != nil || args.Len() != 3 {
		t.Fatal(args, err)
	}
	for i, want := range []string{"\x01", "\x92\xa1a\xa1b", "\xc0"} {
		if got, ok := args.Arg(i); !ok || string(got) != want || cap(got) != len(got) {
			t.Errorf("argument %d: % x, capacity %d, %v", i, got, cap(got), ok)
		}
	}
	if got, ok := args.Arg(3); ok {
		t.Errorf("argument 3: % x", got)
	}
	cut, _ := SplitAck([]byte("\x92\x92\x01\x02"))
	if _, ok := cut.Next(); !ok || cut.Len() != 1 {
		t.Error("the first of two")
	}
	if got, ok := cut.Next(); ok || cut.Len() != 0 {
		t.Errorf("one that is missing: % x", got)
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	all := vectors(t)
	for _, name := range slices.Sorted(maps.Keys(packets)) {
		wire := all["packet "+name]
		if n := testing.AllocsPerRun(100, func() {
			h, err := ParsePacket(wire)
			if err != nil {
				t.Fatal(err)
			}
			if h.Type != socketio.Event || name == "number as name" {
				return
			}
			_, args, err := SplitEvent(h.Data)
			for _, ok := args.Next(); ok; _, ok = args.Next() {
			}
			if err != nil || args.Len() != 0 {
				t.Fatal(args, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func FuzzParsePacket(f *testing.F) {
	for _, wire := range vectors(f) {
		f.Add(wire)
	}
	for _, c := range parseCases {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParsePacket(b)
		if err != nil {
			return
		}
		wire := AppendPacket(nil, h)
		again, err := ParsePacket(wire)
		if err != nil || describe(again) != describe(h) || string(AppendPacket(nil, again)) != string(wire) {
			t.Fatalf("% x: %s, then %s, %v", b, describe(h), describe(again), err)
		}
		switch h.Type {
		case socketio.Event:
			name, args, err := SplitEvent(h.Data)
			if err != nil || name == nil || socketio.Reserved(name) {
				t.Fatalf("% x: name %q, %v", h.Data, name, err)
			}
			checkSplit(t, args)
		case socketio.Ack:
			args, err := SplitAck(h.Data)
			if err != nil {
				t.Fatalf("% x: %v", h.Data, err)
			}
			checkSplit(t, args)
		}
	})
}

func checkSplit(t *testing.T, args RawArgs) {
	n := args.Len()
	for arg := range all(args) {
		if size, err := Skip(arg); err != nil || size != len(arg) {
			t.Fatalf("% x is no argument: %d, %v", arg, size, err)
		}
		n--
	}
	if n != 0 {
		t.Fatalf("%d arguments are missing", n)
	}
}
