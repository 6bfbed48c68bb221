package socketio

import (
	"bytes"
	"math"
	"strconv"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// Reserved reports whether name is an event that no peer may send, since
// servers and clients emit it themselves.
func Reserved[T []byte | string](name T) bool {
	switch string(name) {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// ReservedServerSide reports whether name is an event that no server may send
// to the others, since their namespaces emit it themselves.
func ReservedServerSide(name string) bool {
	return name == "connect" || name == "connection" || name == "new_namespace"
}

// RawArgs are the arguments of an event or an ack, still raw JSON and split
// only when asked for. It borrows from the packet. The zero value has none.
// Nothing here allocates.
type RawArgs struct {
	rest []byte // from the comma or the item on, to the closing bracket
}

// SplitEvent takes the name off the data of an event. A name without escapes
// is borrowed from data; a number gives the text that JavaScript has for it.
// Without data, which is legal, name is nil; the empty name is not nil. data
// must have passed ParseHeader, else the error may be ErrInvalidPayload.
func SplitEvent(data []byte) (name []byte, args RawArgs, err error) {
	if data == nil {
		return nil, RawArgs{}, nil
	}
	items, err := SplitAck(data)
	if err != nil {
		return nil, RawArgs{}, err
	}
	first, ok := items.Next()
	if !ok {
		return nil, RawArgs{}, ErrInvalidPayload
	}
	switch {
	case first[0] == '"' && bytes.IndexByte(first, '\\') < 0:
		name = first[1 : len(first)-1 : len(first)-1]
	case first[0] == '"':
		name, err = appendName(make([]byte, 0, len(first)), first)
	case first[0] == '-' || first[0]-'0' <= 9:
		name = numberName(first)
	default:
		err = ErrInvalidPayload
	}
	if err != nil {
		return nil, RawArgs{}, err
	}
	return name, items, nil
}

// SplitAck returns the arguments of an ack's data, none when it is nil. data
// must have passed ParseHeader; the error is ErrInvalidPayload.
func SplitAck(data []byte) (RawArgs, error) {
	if data == nil {
		return RawArgs{}, nil
	}
	if len(data) < 2 || data[0] != '[' {
		return RawArgs{}, ErrInvalidPayload
	}
	return RawArgs{rest: data[1:]}, nil
}

// Next takes the first argument off a; false when none is left.
func (a *RawArgs) Next() ([]byte, bool) {
	b := jsonenc.TrimSpace(a.rest)
	if len(b) > 0 && b[0] == ',' {
		b = b[1:]
	}
	n, err := jsonenc.Skip(b)
	if err != nil {
		a.rest = nil
		return nil, false
	}
	a.rest = b[n:]
	return jsonenc.TrimSpace(b[:n:n]), true
}

// CopyTo appends the arguments that are left to dst and returns them as
// borrowed from there, without a second pass over them.
func (a RawArgs) CopyTo(dst []byte) (copied RawArgs, out []byte) {
	start := len(dst)
	dst = append(dst, a.rest...)
	return RawArgs{rest: dst[start:]}, dst
}

// Len counts the arguments that are left. It takes a pass over them.
func (a RawArgs) Len() int {
	n := 0
	for _, ok := a.Next(); ok; _, ok = a.Next() {
		n++
	}
	return n
}

// Arg returns the i-th of the arguments that are left, from 0 on. It takes a
// pass over those before it; to visit all, call Next.
func (a RawArgs) Arg(i int) ([]byte, bool) {
	for ; i > 0; i-- {
		if _, ok := a.Next(); !ok {
			return nil, false
		}
	}
	return a.Next()
}

// appendName appends the text of the string literal at the head of b.
func appendName(dst, b []byte) ([]byte, error) {
	name, _, err := jsonenc.AppendUnquoted(dst, b)
	if err != nil {
		return nil, ErrInvalidPayload
	}
	return name, nil
}

// exactDigits is how many digits an integer may have for a double to hold it.
const exactDigits = 15

// numberName returns the property name that JavaScript makes of a number.
func numberName(number []byte) []byte {
	if len(number) <= exactDigits && number[0] != '-' && !bytes.ContainsAny(number, ".eE") {
		return number[:len(number):len(number)]
	}
	f, _ := strconv.ParseFloat(string(number), 64)
	switch {
	case math.IsInf(f, 1):
		return []byte("Infinity")
	case math.IsInf(f, -1):
		return []byte("-Infinity")
	}
	return jsonenc.AppendFloat(nil, f)
}
