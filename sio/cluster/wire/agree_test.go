package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

type (
	failing      struct{ A int }
	broken       struct{ A int }
	panicking    struct{ A int }
	failingText  struct{ A int }
	key          int
	byPointer    struct{ A int }
	ring         struct{ Next *ring }
	closed       struct{ a int }
	nilMarshaler map[string]int
)

func (failing) MarshalJSON() ([]byte, error)      { return nil, errors.New("mine") }
func (broken) MarshalJSON() ([]byte, error)       { return []byte(`{"a"`), nil }
func (panicking) MarshalJSON() ([]byte, error)    { panic("mine") }
func (failingText) MarshalText() ([]byte, error)  { return nil, errors.New("mine") }
func (*byPointer) MarshalJSON() ([]byte, error)   { return []byte(`1`), nil }
func (nilMarshaler) MarshalJSON() ([]byte, error) { return []byte(`"nil"`), nil }

func (k key) MarshalText() ([]byte, error) {
	if k < 0 {
		return nil, errors.New("mine")
	}
	return fmt.Appendf(nil, "k%d", int(k)), nil
}

func nested(levels int) (v any) {
	for range levels {
		v = []any{v}
	}
	return v
}

// TestEncodersAgree checks that all encoders refuse the same values, whatever
// is beside them, and append nothing then. So an emit that fails was not sent.
func TestEncodersAgree(t *testing.T) {
	loop := &ring{}
	loop.Next = loop
	self := map[string]any{}
	self["self"] = self
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(299), nil)

	encoders := map[string]func(args []any) ([]byte, error){
		"JSON packet": func(args []any) ([]byte, error) {
			b, _, err := socketio.AppendEvent(nil, "/", 0, false, "e", args)
			return b, err
		},
		"MessagePack packet": func(args []any) ([]byte, error) { return msgpack.AppendEvent(nil, "/", 0, false, "e", args) },
	}
	for name, encode := range map[string]func(dst []byte, m *cluster.Message) ([]byte, error){
		"message": Append, "packed message": AppendMessagePack, "plain message": AppendDataJSON,
	} {
		encoders[name] = func(args []any) ([]byte, error) {
			return encode(nil, &cluster.Message{Type: cluster.Broadcast, UID: "u", Namespace: "/", Packet: adapter.Packet{Event: "e", Args: args}})
		}
	}
	for _, tc := range []struct {
		name string
		v    any
		ok   bool
	}{
		{"NaN", math.NaN(), true}, {"infinity", []float64{math.Inf(-1)}, true}, {"float32 NaN", float32(math.NaN()), true},
		{"not UTF-8", "\xff", true}, {"keys that are not UTF-8", map[string]int{"\xff": 1, "\xfe": 2}, true},
		{"channel", make(chan int), false}, {"nil channel", (chan int)(nil), false}, {"function", func() {}, false},
		{"complex", complex(1, 1), false}, {"channel in a struct", struct{ C chan int }{}, false}, {"channels", []chan int{nil}, false},
		{"channel that is left out", struct {
			C chan int `json:",omitempty"`
		}{}, false},
		{"ring", loop, false}, {"map in itself", self, false}, {"deep", nested(4000), true}, {"too deep", nested(5000), false},
		{"raw deep", json.RawMessage(strings.Repeat("[", 4000) + strings.Repeat("]", 4000)), true},
		{"raw too deep", json.RawMessage(strings.Repeat("[", 5000) + strings.Repeat("]", 5000)), false},
		{"failing MarshalJSON", failing{}, false}, {"invalid MarshalJSON", []any{broken{}}, false}, {"panicking MarshalJSON", &panicking{}, false},
		{"failing MarshalText", failingText{}, false}, {"key", map[key]int{1: 1}, true}, {"failing key", map[key]int{-1: 1}, false},
		{"boolean key", map[bool]int{true: 1}, true}, {"float key", map[float64]int{1: 1}, false}, {"any key", map[any]int{"a": 1}, false},
		{"struct key of none", map[closed]int{}, false}, {"struct key of nil", map[closed]int(nil), false},
		{"json.Number", json.Number("1e5"), true}, {"empty json.Number", json.Number(""), true}, {"no json.Number", json.Number("abc"), false},
		{"no json.Number in a list", []json.Number{"01"}, false}, {"spaced json.Number", json.Number(" 1"), false},
		{"json.RawMessage", json.RawMessage(` {"a": [1]} `), true}, {"nil json.RawMessage", json.RawMessage(nil), true},
		{"empty json.RawMessage", json.RawMessage{}, false}, {"no json.RawMessage", json.RawMessage("{"), false},
		{"no json.RawMessage in a list", []any{json.RawMessage("1 2")}, false}, {"control character", json.RawMessage("\"\x01\""), false},
		{"nil pointer that marshals itself", (*byPointer)(nil), true}, {"value whose pointer marshals itself", byPointer{1}, true},
		{"list of them", []byPointer{{1}}, true}, {"nil map that marshals itself", nilMarshaler(nil), true},
		{"300 digits", power, true}, {"-300 digits", new(big.Int).Neg(power), true}, {"big.Int by value", *power, false},
		{"year 10000", time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), false}, {"date", time.Unix(0, 0), true},
		{"nothing to see", closed{1}, false}, {"pointer to it", &closed{1}, false}, {"nil pointer to it", (*closed)(nil), false},
		{"error", errors.New("x"), false}, {"empty struct", struct{}{}, true},
		{"raw argument", socketio.NewRawArg([]byte(`[9007199254740993]`), nil), true},
		{"raw argument with an attachment", socketio.NewRawArg([]byte(`[{"_placeholder":true,"num":0}]`), [][]byte{{1}}), true},
		{"raw argument without its attachment", socketio.NewRawArg([]byte(`[{"_placeholder":true,"num":1}]`), [][]byte{{1}}), false},
	} {
		for beside, args := range map[string][]any{
			"alone":            {tc.v},
			"beside text":      {"x", tc.v, 1},
			"beside binary":    {[]byte{1}, tc.v},
			"behind interface": {map[string]any{"a": tc.v}},
			"with binary":      {[]any{[]byte{1}, tc.v}},
		} {
			if _, raw := tc.v.(socketio.RawArg); raw && (beside == "behind interface" || beside == "with binary") {
				continue // it is an argument, not inside of one
			}
			for name, encode := range encoders {
				out, err := encode(args)
				if (err == nil) != tc.ok || err != nil && out != nil {
					t.Errorf("%s %s: the %s is %.60q, %v; accepted should be %v", tc.name, beside, name, out, err, tc.ok)
				}
			}
		}
	}
	// The only difference: digits alone say what no float64 holds.
	for _, v := range []any{json.RawMessage("1e400"), new(big.Int).Mul(power, power), json.Number("-1e400")} {
		for name, encode := range encoders {
			_, err := encode([]any{v})
			if packs := name == "MessagePack packet" || name == "packed message"; (err != nil) != packs {
				t.Errorf("%s of %.20s: %v", name, v, err)
			}
		}
	}
}

// TestReadable: what is written can be read, however deep it is.
func TestReadable(t *testing.T) {
	read, refused := 0, 0
	for levels := jsonenc.MaxDepth - 10; levels <= jsonenc.MaxDepth; levels++ {
		text := json.RawMessage(strings.Repeat("[", levels) + strings.Repeat("]", levels))
		for _, arg := range []any{text, nested(levels)} {
			m := &cluster.Message{Type: cluster.Broadcast, UID: "u", Namespace: "/", Packet: adapter.Packet{Event: "e", Args: []any{arg}}}
			for _, encode := range []func(dst []byte, m *cluster.Message) ([]byte, error){Append, AppendMessagePack} {
				b, err := encode(nil, m)
				if err != nil {
					refused++
					if !errors.Is(err, cluster.ErrUnencodable) || b != nil {
						t.Errorf("%d levels: %v", levels, err)
					}
					continue
				}
				read++
				if _, err := Decode(b); err != nil {
					t.Errorf("%d levels were written, and can't be read: %v", levels, err)
				}
			}
		}
	}
	if read == 0 || refused == 0 {
		t.Errorf("%d were read, %d refused", read, refused)
	}
}
