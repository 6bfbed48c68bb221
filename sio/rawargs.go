package sio

import (
	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/socketio"
)

// RawArgs are the arguments of an event or an acknowledgement, not decoded
// yet. Immutable. Those of an [Inline] handler are borrowed until it returns.
//
// As an argument of any emit or acknowledgement they stand for all of them, and are
// passed on as they came: numbers keep their digits, objects their order, binary
// values stay binary. An object in them that only looks like a placeholder of a binary
// value can't be passed on beside binary values of others: that is an error.
type RawArgs struct {
	raw         socketio.RawArgs
	attachments [][]byte
	parsed      *parsedArgs // instead of both, with a Parser
	text        bool        // from a server that may write binary values as base64
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

// String is the arguments as a JSON array, for logs; binary values are placeholders.
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
// encoding/json would; binary values go into []byte or any, and strings don't go into
// []byte, unless they are base64 from another server. What has no
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
