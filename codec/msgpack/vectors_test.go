package msgpack

import (
	"encoding/hex"
	"errors"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// vectors are testdata/notepack.tsv: what JavaScript's side writes. Packets are
// by socket.io-msgpack-parser 3.0.2, values by notepack.io 2.2.0 under it,
// those named after Redis and timestamps by notepack.io 3.0.1.
func vectors(tb testing.TB) map[string][]byte {
	text, err := os.ReadFile("testdata/notepack.tsv")
	if err != nil {
		tb.Fatal(err)
	}
	all := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if all[name], err = hex.DecodeString(digits); err != nil {
			tb.Fatal(line, err)
		}
	}
	return all
}

func list(n int, item any) []any {
	l := make([]any, n)
	for i := range l {
		l[i] = item
	}
	return l
}

func letters() map[string]any {
	m := map[string]any{}
	for i := range 16 {
		m["k"+string(rune('a'+i))] = i
	}
	return m
}

// values are the Go forms of the vectors called "value …", and of decoded ones
// where these differ.
var values = map[string]struct{ in, decoded any }{
	"nil": {nil, nil}, "true": {true, true}, "false": {false, false},
	"0": {0, 0.0}, "-0": {math.Copysign(0, -1), 0.0},
	"127": {int8(127), 127.0}, "128": {uint8(128), 128.0}, "255": {uint16(255), 255.0}, "256": {int16(256), 256.0},
	"65535": {uint32(65535), 65535.0}, "65536": {int32(65536), 65536.0},
	"4294967295": {uint(4294967295), 4294967295.0}, "4294967296": {4294967296.0, 4294967296.0},
	"2^53": {uint64(1 << 53), float64(1 << 53)},
	"-1":   {-1, -1.0}, "-32": {-32.0, -32.0}, "-33": {int8(-33), -33.0}, "-128": {-128, -128.0},
	"-129": {int64(-129), -129.0}, "-32768": {-32768, -32768.0}, "-32769": {-32769, -32769.0},
	"-2147483648": {-2147483648, -2147483648.0}, "-2147483649": {int64(-2147483649), -2147483649.0},
	"-2^53": {int64(-1 << 53), float64(-1 << 53)},
	"1.5":   {float32(1.5), 1.5}, "-0.1": {-0.1, -0.1}, "1e-7": {1e-7, 1e-7},
	"NaN": {math.Float64frombits(0x7ff8000000000000), nil}, "Infinity": {math.Inf(1), math.Inf(1)},
	"empty string": {"", ""},
	"string 31":    {strings.Repeat("a", 31), strings.Repeat("a", 31)},
	"string 32":    {strings.Repeat("b", 32), strings.Repeat("b", 32)},
	"string 256":   {strings.Repeat("c", 256), strings.Repeat("c", 256)},
	"unicode":      {"é😀中", "é😀中"},
	"bin 0":        {[]byte{}, []byte{}}, "bin 3": {[]byte{1, 2, 3}, []byte{1, 2, 3}},
	"bin 256":  {[]byte(strings.Repeat("\a", 256)), []byte(strings.Repeat("\a", 256))},
	"array 15": {list(15, 0), list(15, 0.0)}, "array 16": {list(16, 1), list(16, 1.0)},
	"object": {
		map[string]any{"a": []any{map[string]any{"b": "c"}}},
		map[string]any{"a": []any{map[string]any{"b": "c"}}},
	},
	"object 16":        {letters(), nil},
	"date":             {time.UnixMilli(1764000000123), time.UnixMilli(1764000000123).UTC()},
	"date before 1970": {time.UnixMilli(-1500), time.UnixMilli(-1500).UTC()},
	"undefined":        {nil, nil},
}

func TestValuesAreJavaScripts(t *testing.T) {
	seen := 0
	for name, wire := range vectors(t) {
		name, ok := strings.CutPrefix(name, "value ")
		if !ok {
			continue
		}
		seen++
		t.Run(name, func(t *testing.T) {
			v, ok := values[name]
			if !ok {
				t.Fatal("no Go form")
			}
			if name != "undefined" {
				packet, err := AppendAck(nil, "/", 1, []any{v.in})
				if err != nil {
					t.Fatal(err)
				}
				h, err := ParsePacket(packet)
				if err != nil || string(h.Data) != "\x91"+string(wire) {
					t.Errorf("encoded % x, want % x; %v", h.Data, wire, err)
				}
			}
			var got any
			if err := DecodeValue(wire, &got); err != nil {
				t.Fatal(err)
			}
			switch name {
			case "NaN":
				if f, ok := got.(float64); !ok || !math.IsNaN(f) {
					t.Errorf("decoded %v", got)
				}
			case "object 16":
				m := map[string]int{}
				if err := DecodeValue(wire, &m); err != nil || len(m) != 16 || m["kp"] != 15 {
					t.Errorf("decoded %v, %v", m, err)
				}
			default:
				if !reflect.DeepEqual(got, v.decoded) {
					t.Errorf("decoded %#v, want %#v", got, v.decoded)
				}
			}
		})
	}
	if seen != len(values) {
		t.Errorf("%d vectors for %d values", seen, len(values))
	}
}

func TestTimestamps(t *testing.T) {
	all := vectors(t)
	for name, date := range map[string]time.Time{
		"timestamp 32": time.Unix(1764000000, 0),
		"timestamp 64": time.UnixMilli(1764000000123),
		"timestamp 96": time.UnixMilli(-1500),
	} {
		wire := all[name]
		if got, err := AppendValue(nil, date); err != nil || string(got) != string(wire) {
			t.Errorf("%s: encoded % x, want % x; %v", name, got, wire, err)
		}
		var decoded any
		if err := DecodeValue(wire, &decoded); err != nil || decoded != any(date.UTC()) {
			t.Errorf("%s: decoded %v, %v", name, decoded, err)
		}
	}
	for _, date := range []time.Time{{}, time.Unix(1<<32, 0), time.Unix(1<<34-1, 999999999), time.Unix(1<<34, 1)} {
		wire, _ := AppendValue(nil, &date)
		var got time.Time
		if err := DecodeValue(wire, &got); err != nil || !got.Equal(date) {
			t.Errorf("%v: % x: %v, %v", date, wire, got, err)
		}
	}
	var got time.Time
	if err := DecodeValue([]byte("\xd7\xff\xff\xff\xff\xff\x00\x00\x00\x00"), &got); err == nil {
		t.Errorf("too many nanoseconds gave %v", got)
	}
}

// TestYears: a date is decoded if it can be encoded.
func TestYears(t *testing.T) {
	first, last := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(10_000, 1, 1, 0, 0, 0, -1, time.UTC)
	for _, date := range []time.Time{first, last, first.Add(-1), last.Add(1), time.UnixMilli(math.MinInt64), time.UnixMilli(math.MaxInt64), time.Unix(math.MinInt64, 0), time.Unix(math.MaxInt64, 0)} {
		_, err := AppendValue(nil, date.UTC())
		ok := err == nil
		if want := !date.Before(first) && !date.After(last); ok != want {
			t.Fatalf("%v is encoded: %v, want %v", date, ok, want)
		}
		for _, form := range []dateForm{timestampDates, notepackDates} {
			if form == notepackDates && !time.UnixMilli(date.UnixMilli()).Equal(date) {
				continue // it has no form for this date
			}
			wire := appendTime(nil, date, form)
			var asAny any
			var asTime struct{ T time.Time }
			var asText struct{ T string }
			member := append([]byte("\x81\xa1T"), wire...)
			_, jsonErr := AppendJSON(nil, wire)
			_, argErr := Arg(wire)
			for into, err := range map[string]error{
				"any": DecodeValue(wire, &asAny), "time.Time": DecodeValue(member, &asTime), "JSON": jsonErr, "Arg": argErr,
			} {
				if (err == nil) != ok || err != nil && !errors.Is(err, ErrUnsupported) {
					t.Errorf("%v as % x into %s: %v", date, wire, into, err)
				}
			}
			if err := DecodeValue(member, &asText); (err == nil) != ok {
				t.Errorf("%v as % x into a string: %v", date, wire, err)
			}
		}
	}
}

func TestArrayBuffer(t *testing.T) {
	all := vectors(t)
	for name, want := range map[string]string{"array buffer": "\x01\x02\x03", "array buffer of 8": "\x01\x02\x03\x04\x05\x06\x07\x08"} {
		var b []byte
		if err := DecodeValue(all[name], &b); err != nil || string(b) != want {
			t.Errorf("%s: % x, %v", name, b, err)
		}
	}
}

func TestRedisBroadcast(t *testing.T) {
	wire := vectors(t)["redis broadcast"]
	args, err := SplitAck(wire)
	if err != nil || args.Len() != 3 {
		t.Fatal(args, err)
	}
	raw, _ := args.Arg(1)
	var packet struct {
		Type int    `json:"type"`
		Nsp  string `json:"nsp"`
		Data Raw    `json:"data"`
	}
	if err := DecodeValue(raw, &packet); err != nil || packet.Type != 2 || packet.Nsp != "/" {
		t.Fatalf("%+v, %v", packet, err)
	}
	const json = `["hello",1,"/w==","2025-11-24T16:00:00.123Z"]`
	if got, err := AppendJSON(nil, packet.Data); err != nil || string(got) != json {
		t.Errorf("data %s, want %s; %v", got, json, err)
	}
	opts, _ := args.Arg(2)
	b := append(AppendString(AppendArrayHeader(nil, 3), "oCcgH4"), raw...)
	if b = append(b, opts...); string(b) != string(wire) {
		t.Errorf("rebuilt % x\nwant    % x", b, wire)
	}
}
