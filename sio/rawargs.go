package sio

import (
	"github.com/sioserver/sioserver/codec/socketio"
)

// RawArgs are the arguments of an event or an acknowledgement, not decoded
// yet. Immutable. Those of an [Inline] handler are borrowed until it returns.
type RawArgs struct {
	raw         socketio.RawArgs
	attachments [][]byte
	parsed      *parsedArgs // instead of both, with a Parser
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

// values decodes all arguments.
func (a RawArgs) values() ([]any, error) {
	list := make([]any, a.Len())
	dst := make([]any, len(list))
	for i := range list {
		dst[i] = &list[i]
	}
	return list, a.Bind(dst...)
}

// Bind decodes the arguments into what dst points to, one after the other, as
// encoding/json would; binary values go into []byte or any. What has no
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
		if err := socketio.DecodeArg(arg, a.attachments, v); err != nil {
			return &ArgumentError{Index: i, Err: err}
		}
	}
	return nil
}
