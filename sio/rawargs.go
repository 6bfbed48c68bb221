package sio

import (
	"slices"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/sio/adapter"
)

// RawArgs are the arguments of an event or an acknowledgement, not decoded
// yet. Immutable. Those of an [Inline] handler are borrowed until it returns.
//
// As an argument of any emit or acknowledgement they stand for all of them, and
// are passed on as they came: numbers keep their digits, objects their order,
// binary values stay binary. An object in them that only looks like a
// placeholder of a binary value can't be passed on beside binary values of
// others: that is an error.
type RawArgs struct {
	raw         socketio.RawArgs
	attachments [][]byte
	parsed      *parsedArgs // instead of both, with a Parser
	text        bool        // from a server; binary values may be base64
}

// Len is the number of arguments.
func (a RawArgs) Len() int {
	if a.parsed != nil {
		return len(a.parsed.list)
	}
	return a.raw.Len()
}

// Raw returns argument i as JSON, in which binary values are placeholders, or
// nil when there is none. Borrowed; read-only.
func (a RawArgs) Raw(i int) []byte {
	if a.parsed != nil {
		return a.parsed.json(i)
	}
	b, _ := a.raw.Arg(i)
	return b
}

// String is the arguments as a JSON array, for logs; binary values are
// placeholders.
func (a RawArgs) String() string {
	list := []byte{'['}
	for i, rest := 0, a.raw; i < a.Len(); i++ {
		if i > 0 {
			list = append(list, ',')
		}
		arg, more := rest.Next()
		if !more { // with a Parser
			arg = a.Raw(i)
		}
		list = append(list, arg...)
	}
	return string(append(list, ']'))
}

// Bind decodes the arguments into what dst points to, one after the other, as
// encoding/json would; binary values go into []byte or any, and strings don't
// go into []byte, unless they are base64 from another server. What has no
// argument is left as it is, and arguments without a destination are ignored. A
// nil destination skips one. An argument that does not fit ends it with an
// [*ArgumentError].
func (a RawArgs) Bind(dst ...any) error {
	if a.parsed != nil {
		return a.parsed.bind(dst)
	}
	rest := a.raw
	for i, v := range dst {
		arg, ok := rest.Next()
		if !ok {
			break
		}
		if v == nil {
			continue
		}
		if err := a.decode(arg, v); err != nil {
			return &ArgumentError{Index: i, Err: err}
		}
	}
	return nil
}

// decode decodes an argument that is JSON.
func (a RawArgs) decode(arg []byte, v any) error {
	if a.text && len(a.attachments) == 0 {
		return jsonenc.Unmarshal(arg, v)
	}
	return socketio.DecodeArg(arg, a.attachments, v)
}

// all returns all arguments, each as an any gets it.
func (a RawArgs) all() ([]any, error) {
	list := make([]any, a.Len())
	dst := make([]any, len(list))
	for i := range dst {
		dst[i] = &list[i]
	}
	return list, a.Bind(dst...)
}

// holdRaw reports whether there are RawArgs among args.
func holdRaw(args []any) bool {
	for _, arg := range args {
		if _, ok := arg.(RawArgs); ok {
			return true
		}
	}
	return false
}

// spread returns args with the arguments that each RawArgs among them stands
// for in its place, as values for an encoder. They are decoded only for one
// that takes no other. It returns args itself when there is nothing to do; the
// values are borrowed as args are.
func spread(args []any, takes valueForm) ([]any, error) {
	for i, arg := range args {
		switch arg.(type) {
		case RawArgs:
		case socketio.RawArg:
			if takes != takesValues {
				continue
			}
		default:
			continue
		}
		return spreadFrom(append(make([]any, 0, len(args)+4), args[:i]...), args[i:], takes)
	}
	return args, nil
}

// spreadFrom appends args to list.
func spreadFrom(list, args []any, takes valueForm) ([]any, error) {
	for _, arg := range args {
		var err error
		switch v := arg.(type) {
		case RawArgs:
			list, err = v.appendTo(list, takes)
		case socketio.RawArg:
			list, err = appendRawArg(list, v, takes)
		default:
			list = append(list, arg)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// appendTo appends the arguments to list, each as a value that the encoder
// takes.
func (a RawArgs) appendTo(list []any, takes valueForm) (_ []any, err error) {
	if a.parsed != nil {
		for i := range a.parsed.list {
			v, err := a.parsed.value(i, takes)
			if err != nil {
				return nil, &ArgumentError{Index: i, Err: err}
			}
			if list, err = spreadFrom(list, []any{v}, takes); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	rest := a.raw
	for arg, ok := rest.Next(); ok; arg, ok = rest.Next() {
		if list, err = appendRawArg(list, socketio.NewRawArg(arg, a.attachments), takes); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// appendRawArg appends an argument that is JSON to list, decoded if need be.
func appendRawArg(list []any, arg socketio.RawArg, takes valueForm) ([]any, error) {
	if takes != takesValues {
		return append(list, arg), nil
	}
	var v any
	if err := socketio.DecodeArg(arg.JSON(), arg.Attachments(), &v); err != nil {
		return nil, err
	}
	return append(list, v), nil
}

// first returns the first argument as JSON, nil when there is none, and the
// attachments that placeholders in it stand for.
func (a RawArgs) first() (data []byte, attachments [][]byte, err error) {
	switch {
	case a.parsed == nil:
		return a.Raw(0), a.attachments, nil
	case len(a.parsed.list) == 0:
		return nil, nil, nil
	}
	v, err := a.parsed.value(0, takesJSON)
	if err != nil {
		return nil, nil, &ArgumentError{Index: 0, Err: err}
	}
	return socketio.AppendArgs(nil, []any{v})
}

// parsedArgs are arguments that a Parser has split.
type parsedArgs struct {
	codec *parserCodec
	list  [][]byte
}

// copyTo appends the arguments to dst and has the list refer to the copies.
func (a *parsedArgs) copyTo(dst []byte) []byte {
	start := len(dst)
	for _, arg := range a.list {
		dst = append(dst, arg...)
	}
	for i, arg := range a.list {
		if arg == nil {
			continue // the parser may tell nil from empty
		}
		end := start + len(arg)
		a.list[i] = dst[start:end:end]
		start = end
	}
	return dst
}

func (a *parsedArgs) json(i int) []byte {
	if i < 0 || i >= len(a.list) {
		return nil
	}
	b, err := a.codec.parser.AppendJSON(nil, a.list[i])
	if err != nil {
		return []byte("null") // it has no JSON form
	}
	return b
}

func (a *parsedArgs) bind(dst []any) error {
	for i, v := range dst[:min(len(dst), len(a.list))] {
		if v == nil {
			continue
		}
		if err := a.codec.parser.DecodeValue(a.list[i], v); err != nil {
			return &ArgumentError{Index: i, Err: err}
		}
	}
	return nil
}

// value returns argument i as a value for an encoder.
func (a *parsedArgs) value(i int, takes valueForm) (any, error) {
	switch {
	case a.codec.takes != takesMessagePack:
		var v any
		err := a.codec.parser.DecodeValue(a.list[i], &v)
		return v, err
	case takes == takesMessagePack:
		return msgpack.Raw(a.list[i]), nil
	default:
		return msgpack.Arg(a.list[i])
	}
}

// argCost is how many bytes an argument takes in the list, besides its own.
const argCost = 24

// rawArgs encodes values as the arguments of an event.
func rawArgs(args []any) (RawArgs, error) {
	args, err := spread(args, takesJSON)
	if err != nil {
		return RawArgs{}, err
	}
	b, attachments, err := socketio.AppendAck(nil, "/", 0, args)
	if err != nil {
		return RawArgs{}, err
	}
	h, err := socketio.ParseHeader(b, max(len(attachments), 1))
	if err != nil {
		return RawArgs{}, err
	}
	for i, a := range attachments {
		attachments[i] = slices.Clone(a) // it is the caller's
	}
	raw, err := socketio.SplitAck(h.Data)
	return RawArgs{raw: raw, attachments: attachments}, err
}

// rawAnswer returns an answer as the arguments of an acknowledgement, without
// any when it is not valid JSON.
func rawAnswer(a adapter.Answer) RawArgs {
	if a.Data == nil {
		return RawArgs{}
	}
	list := append(append([]byte{'['}, a.Data...), ']')
	raw, err := socketio.SplitAck(list)
	if err != nil {
		return RawArgs{}
	}
	return RawArgs{raw: raw, attachments: a.Attachments}
}
