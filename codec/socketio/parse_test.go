package socketio

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
)

func describe(h Header) string {
	s := strconv.Itoa(int(h.Type)) + " " + string(h.Namespace)
	if h.Attachments > 0 {
		s += " attachments=" + strconv.Itoa(h.Attachments)
	}
	if h.HasID {
		s += " id=" + strconv.FormatUint(h.ID, 10)
	}
	if h.Data != nil {
		s += " " + string(h.Data)
	}
	return s
}

var parseCases = []struct {
	name, in, want string
	err            error
}{
	{"S1 connect", `0`, `0 /`, nil},
	{"S2 auth", `0{"token":"123"}`, `0 / {"token":"123"}`, nil},
	{"S3 namespace", `0/custom,`, `0 /custom`, nil},
	{"S4 namespace and auth", `0/custom,{"token":"abc"}`, `0 /custom {"token":"abc"}`, nil},
	{"namespace to the end", `0/custom`, `0 /custom`, nil},
	{"S12 query is part of the name", `0/a?b=c`, `0 /a?b=c`, nil},
	{"connect with id", `0/custom,1`, `0 /custom id=1`, nil},
	{"connect array", `0/custom,[]`, ``, ErrInvalidPayload},
	{"connect null", `0/custom,null`, ``, ErrInvalidPayload},
	{"connect string", `0/custom,"x"`, ``, ErrInvalidPayload},
	{"name without slash", `0custom`, ``, ErrInvalidPayload},

	{"S27 disconnect", `1`, `1 /`, nil},
	{"S28 disconnect of a namespace", `1/custom`, `1 /custom`, nil},
	{"disconnect with comma", `1/custom,`, `1 /custom`, nil},
	{"S34 disconnect with object", `1{}`, ``, ErrInvalidPayload},
	{"disconnect with string", `1"x"`, ``, ErrInvalidPayload},

	{"S20 event", `2["message",1,"2",{"3":[true]}]`, `2 / ["message",1,"2",{"3":[true]}]`, nil},
	{"event of a namespace with id", `2/admin,7["x",1]`, `2 /admin id=7 ["x",1]`, nil},
	{"S36 leading zeros of an id", `2007["ack",1]`, `2 / id=7 ["ack",1]`, nil},
	{"S38 explicit root", `2/,["a"]`, `2 / ["a"]`, nil},
	{"S32 event without payload", `2`, `2 /`, nil},
	{"id without payload", `212`, `2 / id=12`, nil},
	{"trailing space", `2["a"] `, `2 / ["a"]`, nil},
	{"leading space", "2 \n[ \"a\" ]\t", `2 / [ "a" ]`, nil},
	{"S31 number as name", `2[1]`, `2 / [1]`, nil},
	{"negative number as name", `2[-1]`, `2 / [-1]`, nil},
	{"S31 connection", `2["connection"]`, `2 / ["connection"]`, nil},
	{"S53 error", `2["error","x"]`, `2 / ["error","x"]`, nil},
	{"empty name", `2[""]`, `2 / [""]`, nil},
	{"comma in the payload", `2["a,b"]`, `2 / ["a,b"]`, nil},
	{"S47 prototype", `2["a",{"__proto__":{"x":1}}]`, `2 / ["a",{"__proto__":{"x":1}}]`, nil},
	{"number out of range", `2["a",1e400]`, `2 / ["a",1e400]`, nil},
	{"S29 empty array", `2[]`, ``, ErrInvalidPayload},
	{"S25 object", `2{}`, ``, ErrInvalidPayload},
	{"S29 null", `2null`, ``, ErrInvalidPayload},
	{"S29 null name", `2[null]`, ``, ErrInvalidPayload},
	{"S29 true name", `2[true]`, ``, ErrInvalidPayload},
	{"S29 object name", `2[{}]`, ``, ErrInvalidPayload},
	{"array name", `2[["a"]]`, ``, ErrInvalidPayload},
	{"S33 cut", `2["a"`, ``, ErrInvalidPayload},
	{"S33 trailing", `2["a"]x`, ``, ErrInvalidPayload},
	{"two values", `2["a"]["b"]`, ``, ErrInvalidPayload},
	{"S35 negative id", `2-1["a"]`, ``, ErrInvalidPayload},
	{"S35 fraction id", `21.5["a"]`, ``, ErrInvalidPayload},
	{"S26 letters", `2abc["a"]`, ``, ErrInvalidPayload},
	{"only space", `2 `, ``, ErrInvalidPayload},
	{"S30 connect", `2["connect"]`, ``, ErrInvalidPayload},
	{"S30 connect_error", `2["connect_error"]`, ``, ErrInvalidPayload},
	{"S30 disconnect", `2["disconnect"]`, ``, ErrInvalidPayload},
	{"S30 disconnecting", `2["disconnecting"]`, ``, ErrInvalidPayload},
	{"S30 newListener", `2["newListener"]`, ``, ErrInvalidPayload},
	{"S30 removeListener", `2["removeListener",1]`, ``, ErrInvalidPayload},
	{"S30 escaped", `2["\u0064isconnect"]`, ``, ErrInvalidPayload},
	{"S30 escaped throughout", `2["` + strings.Join([]string{"", "0072", "0065", "006d", "006f", "0076", "0065", "004c", "0069", "0073", "0074", "0065", "006e", "0065", "0072"}, `\u`) + `"]`, ``, ErrInvalidPayload},
	{"too deep", `2["a",` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `]`, ``, ErrInvalidPayload},

	{"S22 ack", `3456[1,"2"]`, `3 / id=456 [1,"2"]`, nil},
	{"S39 ack without anything", `3`, `3 /`, nil},
	{"ack of no arguments", `3[]`, `3 / []`, nil},
	{"S39 unknown ack", `399[]`, `3 / id=99 []`, nil},
	{"ack with null first", `31[null]`, `3 / id=1 [null]`, nil},
	{"ack object", `31{}`, ``, ErrInvalidPayload},

	{"connect error", `4`, `4 /`, nil},
	{"connect error object", `4{"message":"x"}`, `4 / {"message":"x"}`, nil},
	{"connect error string", `4"x"`, `4 / "x"`, nil},
	{"connect error array", `4[]`, ``, ErrInvalidPayload},

	{"S21 binary event", `52-["m",{"_placeholder":true,"num":0}]`, `5 / attachments=2 ["m",{"_placeholder":true,"num":0}]`, nil},
	{"binary event of a namespace", `51-/a,3["m"]`, `5 /a attachments=1 id=3 ["m"]`, nil},
	{"S23 binary ack", `62-789[{"_placeholder":true,"num":0}]`, `6 / attachments=2 id=789 [{"_placeholder":true,"num":0}]`, nil},
	{"leading zeros of a count", `5002-["m"]`, `5 / attachments=2 ["m"]`, nil},
	{"binary event without payload", `51-`, `5 / attachments=1`, nil},
	{"placeholder as name", `51-[{"_placeholder":true,"num":0}]`, ``, ErrInvalidPayload},
	{"S40 no count", `5-["a"]`, ``, ErrIllegalAttachments},
	{"S40 zero", `50-["a"]`, ``, ErrIllegalAttachments},
	{"S40 neither count nor dash", `5["a"]`, ``, ErrIllegalAttachments},
	{"S40 no dash", `51["a"]`, ``, ErrIllegalAttachments},
	{"count before a dash in the payload", `51["a-b"]`, ``, ErrIllegalAttachments},
	{"S40 eleven", `511-["a"]`, ``, ErrTooManyAttachments},
	{"count overflows", `599999999999999999999-["a"]`, ``, ErrTooManyAttachments},
	{"negative count", `5-1-["a"]`, ``, ErrIllegalAttachments},
	{"fraction count", `51.0-["a"]`, ``, ErrIllegalAttachments},
	{"exponent count", `51e0-["a"]`, ``, ErrIllegalAttachments},
	{"hexadecimal count", `50x1-["a"]`, ``, ErrIllegalAttachments},
	{"space count", `5 -["a"]`, ``, ErrIllegalAttachments},
	{"binary ack without count", `6-[]`, ``, ErrIllegalAttachments},

	{"S51 empty", ``, ``, ErrUnknownType},
	{"S24 letters", `abc`, ``, ErrUnknownType},
	{"type 7", `7`, ``, ErrUnknownType},
	{"type 9", `9`, ``, ErrUnknownType},
	{"negative type", `-1`, ``, ErrUnknownType},
	{"S54 space", ` `, ``, ErrUnknownType},
	{"S54 space before a type", ` 2["a"]`, ``, ErrUnknownType},
}

func TestParseHeader(t *testing.T) {
	for _, c := range parseCases {
		t.Run(c.name, func(t *testing.T) {
			h, err := ParseHeader([]byte(c.in), DefaultMaxAttachments)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			if got := describe(h); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestParseHeaderLimits(t *testing.T) {
	h, err := ParseHeader([]byte(`510-["a"]`), DefaultMaxAttachments)
	if err != nil || h.Attachments != 10 {
		t.Errorf("S41 ten attachments: %+v, %v", h, err)
	}
	for _, limit := range []int{0, -1} {
		if _, err := ParseHeader([]byte(`51-["a"]`), limit); !errors.Is(err, ErrTooManyAttachments) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
	for in, want := range map[string]uint64{
		`218446744073709551615["a"]`:  math.MaxUint64,
		`218446744073709551616["a"]`:  math.MaxUint64,
		`299999999999999999999["a"]`:  math.MaxUint64,
		`2184467440737095516150["a"]`: math.MaxUint64,
		`20["a"]`:                     0,
	} {
		if h, err := ParseHeader([]byte(in), 0); err != nil || h.ID != want || !h.HasID {
			t.Errorf("%s: id %d, %v", in, h.ID, err)
		}
	}
}

func TestSplitEvent(t *testing.T) {
	for _, c := range []struct {
		name, in, event string
		args            []string
	}{
		{"S20", `["message",1,"2",{"3":[true]}]`, "message", []string{`1`, `"2"`, `{"3":[true]}`}},
		{"name only", `["a"]`, "a", nil},
		{"empty name", `[""]`, "", nil},
		{"space", "[ \"a\" , 1\t,\n[ 2 ] ]", "a", []string{`1`, `[ 2 ]`}},
		{"escapes", `["a\n\u00e9","x\"]"]`, "a\né", []string{`"x\"]"`}},
		{"lone surrogate", `["\ud800"]`, "\ufffd", nil},
		{"number", `[1,2]`, "1", []string{`2`}},
		{"number with fraction", `[1.50]`, "1.5", nil},
		{"number with point zero", `[1.0]`, "1", nil},
		{"negative zero", `[-0]`, "0", nil},
		{"negative", `[-12]`, "-12", nil},
		{"long integer", `[12345678901234567890]`, "12345678901234567000", nil},
		{"exponent", `[1E21]`, "1e+21", nil},
		{"out of range", `[1e400]`, "Infinity", nil},
		{"out of range below", `[-1e400]`, "-Infinity", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			name, args, err := SplitEvent([]byte(c.in))
			if err != nil || name == nil || string(name) != c.event {
				t.Fatalf("name %q, %v; want %q", name, err, c.event)
			}
			checkArgs(t, args, c.args)
		})
	}
	if name, args, err := SplitEvent(nil); name != nil || args.Len() != 0 || err != nil {
		t.Errorf("no data: %q, %d, %v", name, args.Len(), err)
	}
	for _, in := range []string{``, `[`, `[]`, `{}`, `"a"`, `[null]`, `[{}]`, `["a`} {
		if _, _, err := SplitEvent([]byte(in)); !errors.Is(err, ErrInvalidPayload) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func checkArgs(t *testing.T, args RawArgs, want []string) {
	t.Helper()
	if args.Len() != len(want) {
		t.Errorf("Len() = %d, want %d", args.Len(), len(want))
	}
	for i, w := range want {
		if got, ok := args.Arg(i); !ok || string(got) != w {
			t.Errorf("Arg(%d) = %s, %v; want %s", i, got, ok, w)
		}
	}
	if got, ok := args.Arg(len(want)); ok {
		t.Errorf("Arg(%d) = %s", len(want), got)
	}
	for i := 0; ; i++ {
		got, ok := args.Next()
		if ok != (i < len(want)) {
			t.Fatalf("Next() number %d: %v", i, ok)
		}
		if !ok {
			break
		}
		if string(got) != want[i] {
			t.Errorf("Next() number %d = %s, want %s", i, got, want[i])
		}
	}
	if _, ok := args.Next(); ok {
		t.Error("Next() goes on after the end")
	}
}

func TestSplitAck(t *testing.T) {
	for in, want := range map[string][]string{`[]`: nil, `[ ]`: nil, `[1]`: {`1`}, `[null,"a",[]]`: {`null`, `"a"`, `[]`}} {
		args, err := SplitAck([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		checkArgs(t, args, want)
	}
	if args, err := SplitAck(nil); args.Len() != 0 || err != nil {
		t.Errorf("no data: %d, %v", args.Len(), err)
	}
	for _, in := range []string{``, `{}`, `[`} {
		if _, err := SplitAck([]byte(in)); !errors.Is(err, ErrInvalidPayload) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestAppendHeader(t *testing.T) {
	for _, c := range parseCases {
		if c.err != nil {
			continue
		}
		h, err := ParseHeader([]byte(c.in), DefaultMaxAttachments)
		if err != nil {
			t.Fatal(err)
		}
		wire := AppendHeader([]byte("4"), h)
		again, err := ParseHeader(wire[1:], DefaultMaxAttachments)
		if wire[0] != '4' || err != nil || describe(again) != describe(h) {
			t.Errorf("%s: %s became %s, %v", c.name, c.in, wire, err)
		}
	}
}

func TestDecodingDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, in := range []string{
		`2["message",1,"2",{"3":[true]}]`, `2/admin,7["x",1]`, `31[null]`, `0{"token":"x"}`, `51-["m",{"_placeholder":true,"num":0}]`,
		`2["\u0064isco"]`, `2[1]`, `2-`,
	} {
		b := []byte(in)
		n := testing.AllocsPerRun(100, func() { _, _ = ParseHeader(b, 10) })
		if n != 0 {
			t.Errorf("ParseHeader(%s): %v allocations", in, n)
		}
	}
	data := []byte(`["message",1,"2",{"3":[true]}]`)
	if n := testing.AllocsPerRun(100, func() {
		_, args, _ := SplitEvent(data)
		args.Len()
		args.Arg(2)
		for _, ok := args.Next(); ok; _, ok = args.Next() {
		}
	}); n != 0 {
		t.Errorf("SplitEvent: %v allocations", n)
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, c := range parseCases {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b, DefaultMaxAttachments)
		if err != nil {
			return
		}
		wire := AppendHeader(nil, h)
		again, err := ParseHeader(wire, DefaultMaxAttachments)
		if err != nil || describe(again) != describe(h) || !bytes.Equal(AppendHeader(nil, again), wire) {
			t.Fatalf("%q: %s, then %s, %v", b, describe(h), describe(again), err)
		}
		switch h.Type {
		case Event, BinaryEvent:
			name, args, err := SplitEvent(h.Data)
			if err != nil || (name == nil) != (h.Data == nil) || Reserved(name) {
				t.Fatalf("%q: name %q, %v", h.Data, name, err)
			}
			checkSplit(t, args)
		case Ack, BinaryAck:
			args, err := SplitAck(h.Data)
			if err != nil {
				t.Fatalf("%q: %v", h.Data, err)
			}
			checkSplit(t, args)
		}
	})
}

func checkSplit(t *testing.T, args RawArgs) {
	n := args.Len()
	for i := range n {
		byIndex, _ := args.Arg(0)
		next, ok := args.Next()
		if !ok || !bytes.Equal(byIndex, next) || len(next) == 0 {
			t.Fatalf("argument %d of %d: %q, %q", i, n, byIndex, next)
		}
	}
	if !bytes.Equal(bytes.Trim(args.rest, " \t\r\n"), []byte("]")) && args.rest != nil {
		t.Fatalf("%q is left", args.rest)
	}
}

func BenchmarkParseHeader(b *testing.B) {
	for name, in := range map[string]string{
		"connect":   `0`,
		"hello":     `2["hello",{"name":"someone","age":42,"ok":true}]`,
		"string100": `2["message","` + strings.Repeat("0123456789", 10) + `"]`,
		"namespace": `2/admin,7["x",1]`,
	} {
		b.Run(name, func(b *testing.B) {
			data := []byte(in)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseHeader(data, 10); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSplitEvent(b *testing.B) {
	for name, in := range map[string]string{
		"hello":     `["hello",{"name":"someone","age":42,"ok":true}]`,
		"string100": `["message","` + strings.Repeat("0123456789", 10) + `"]`,
	} {
		b.Run(name, func(b *testing.B) {
			data := []byte(in)
			b.ReportAllocs()
			for b.Loop() {
				_, args, err := SplitEvent(data)
				if _, ok := args.Next(); err != nil || !ok {
					b.Fatal(err)
				}
			}
		})
	}
}
