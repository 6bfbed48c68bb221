package msgpack

import "testing"

type message struct {
	Room string `json:"room"`
	Text string `json:"text"`
	Time int64  `json:"time"`
}

func BenchmarkAppendEvent(b *testing.B) {
	dst := make([]byte, 0, 1024)
	for name, args := range map[string][]any{
		"string": {"hello there"}, "binary": {make([]byte, 100)},
		"struct": {&message{"lobby", "hello there", 1700000000}},
		"map":    {map[string]any{"room": "lobby", "text": "hello there", "time": 1700000000}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := AppendEvent(dst, "/", 0, false, "message", args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParsePacket(b *testing.B) {
	wire, err := AppendEvent(nil, "/", 5, true, "message", []any{message{"lobby", "hello there", 1700000000}})
	if err != nil {
		b.Fatal(err)
	}
	parse := func(b *testing.B) []byte {
		h, err := ParsePacket(wire)
		if err != nil {
			b.Fatal(err)
		}
		_, args, err := SplitEvent(h.Data)
		if err != nil {
			b.Fatal(err)
		}
		arg, _ := args.Next()
		return arg
	}
	b.Run("split", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parse(b)
		}
	})
	b.Run("struct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m message
			if err := DecodeValue(parse(b), &m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("any", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if err := DecodeValue(parse(b), &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
