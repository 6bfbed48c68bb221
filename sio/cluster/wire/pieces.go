package wire

import (
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// AppendPacket appends an event as MessagePack: a map of type, data and nsp. On an
// error dst comes back unchanged.
func AppendPacket(dst []byte, namespace string, p adapter.Packet) ([]byte, error) {
	return dst, errUnfinished
}

// AppendOptions appends options as MessagePack: a map of rooms, except and flags.
// timeout is left out when it is 0.
func AppendOptions(dst []byte, o adapter.Options, timeout time.Duration) []byte { return dst }

// AppendOptionsJSON is AppendOptions for JSON.
func AppendOptionsJSON(dst []byte, o adapter.Options, timeout time.Duration) []byte { return dst }

// AppendAnswer appends the first argument of an acknowledgement as MessagePack.
// On an error dst comes back unchanged.
func AppendAnswer(dst []byte, a adapter.Answer) ([]byte, error) { return dst, errUnfinished }

// AppendAnswerJSON appends it as JSON, binary values in base64.
func AppendAnswerJSON(dst []byte, a adapter.Answer) ([]byte, error) { return dst, errUnfinished }

// AppendEventJSON appends an event's name and arguments as a JSON array, binary
// values in base64. On an error dst comes back unchanged.
func AppendEventJSON(dst []byte, p adapter.Packet) ([]byte, error) { return dst, errUnfinished }

// AppendSocketsJSON appends descriptions of sockets as a JSON array.
func AppendSocketsJSON(dst []byte, sockets []adapter.Details) ([]byte, error) {
	return dst, errUnfinished
}

// Value is a JSON or MessagePack value that was not looked into yet. It borrows
// the bytes that it was made of.
type Value struct {
	raw []byte
	mp  bool
}

// Parse checks that b is one value, JSON if it starts with a brace, else
// MessagePack.
func Parse(b []byte) (Value, error) { return Value{}, errUnfinished }

// Members calls f with the members of a map, in order, until it fails.
func (v Value) Members(f func(key string, v Value) error) error { return errUnfinished }

// Items returns the items of an array.
func (v Value) Items() ([]Value, error) { return nil, errUnfinished }

// Text returns a string.
func (v Value) Text() (string, error) { return "", errUnfinished }

// Texts returns an array of strings.
func (v Value) Texts() ([]string, error) { return nil, errUnfinished }

// Int returns a whole number.
func (v Value) Int() (int, error) { return 0, errUnfinished }

// Bool reports whether v is what JavaScript takes for true.
func (v Value) Bool() bool { return false }

// Packet returns the event that is a map of type, data and nsp.
func (v Value) Packet() (p adapter.Packet, namespace string, err error) { return p, "", errUnfinished }

// Event returns the event whose name and arguments are an array.
func (v Value) Event() (adapter.Packet, error) { return adapter.Packet{}, errUnfinished }

// Options returns the options that are a map of rooms, except and flags.
func (v Value) Options() (o adapter.Options, timeout time.Duration, err error) {
	return o, 0, errUnfinished
}

// Answer returns v as the first argument of an acknowledgement.
func (v Value) Answer() (adapter.Answer, error) { return adapter.Answer{}, errUnfinished }

// Sockets returns descriptions of sockets.
func (v Value) Sockets() ([]adapter.Details, error) { return nil, errUnfinished }
