package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// The types of an event's packet. The reference writes the first, also for
// binary events.
const (
	eventType       = 2
	binaryEventType = 5
)

// Packet returns the event that is a map of type, data and nsp; the namespace
// is "" when it is absent.
func (v Value) Packet() (p adapter.Packet, namespace string, err error) {
	kind := 0
	var data Value
	err = v.Members(func(key string, v Value) (err error) {
		switch key {
		case "type":
			kind, err = v.Int()
		case "nsp":
			namespace, err = v.Text()
		case "data":
			data = v
		}
		return err
	})
	if err != nil {
		return p, namespace, err
	}
	if kind != eventType && kind != binaryEventType {
		return p, namespace, invalid("a packet that is no event")
	}
	p, err = data.Event()
	return p, namespace, err
}

// Event returns the event whose name and arguments are an array. Arguments are
// json.RawMessage, or the values of msgpack.Arg for MessagePack.
func (v Value) Event() (p adapter.Packet, err error) {
	items, err := v.Items()
	if err != nil {
		return p, err
	}
	if len(items) == 0 {
		return p, invalid("an event without a name")
	}
	var name []byte
	if v.mp {
		name, _, err = msgpack.SplitEvent(v.raw)
	} else {
		name, _, err = socketio.SplitEvent(v.raw)
	}
	if err != nil || bytes.Contains(name, []byte("\uFFFD")) && !items[0].wellFormed() {
		return p, invalid("an event whose name is no text")
	}
	p.Event = string(name)
	if items = items[1:]; len(items) > 0 {
		p.Args = make([]any, len(items))
	}
	for i, item := range items {
		if p.Args[i], err = item.argument(); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (v Value) argument() (arg any, err error) {
	if v.mp && !msgpack.IsJSON(v.raw) {
		return msgpack.Arg(v.raw)
	}
	raw, err := v.json()
	return raw, err
}

// json returns v as JSON, binary values as base64; nil when v is absent.
func (v Value) json() (json.RawMessage, error) {
	if !v.mp {
		return v.raw, nil
	}
	return msgpack.AppendJSON(nil, v.raw)
}

// Options returns the options that are a map of rooms, except and flags.
func (v Value) Options() (o adapter.Options, timeout time.Duration, err error) {
	err = v.Members(func(key string, v Value) (err error) {
		switch key {
		case "rooms":
			o.Rooms, err = v.Texts()
		case "except":
			o.Except, err = v.Texts()
		case "flags":
			err = v.Members(func(key string, v Value) (err error) {
				switch key {
				case "volatile":
					o.Volatile = v.Is(true)
				case "compress":
					o.NoCompress = v.Is(false)
				case "timeout":
					var ms int
					ms, err = v.Int()
					timeout = time.Duration(ms) * time.Millisecond
				}
				return err
			})
		}
		return err
	})
	return o, timeout, err
}

// Answer returns v as the first argument of an acknowledgement; none when it is
// absent.
func (v Value) Answer() (a adapter.Answer, err error) {
	if !v.mp || msgpack.IsJSON(v.raw) {
		a.Data, err = v.json()
		return a, err
	}
	arg, err := msgpack.Arg(v.raw)
	if err != nil {
		return a, err
	}
	a.Data, a.Attachments, err = socketio.AppendArgs(nil, []any{arg})
	return a, err
}

// Sockets returns descriptions of sockets.
func (v Value) Sockets() (list []adapter.Details, err error) {
	err = v.each(func(item Value) error {
		var d adapter.Details
		err := item.Members(func(key string, v Value) (err error) {
			switch key {
			case "id":
				d.ID, err = v.Text()
			case "handshake":
				d.Handshake, err = v.json()
			case "rooms":
				d.Rooms, err = v.Texts()
			case "data":
				d.Data, err = v.json()
			}
			return err
		})
		if err == nil && d.ID == "" {
			err = invalid("a socket without an id")
		}
		list = append(list, d)
		return err
	})
	return list, err
}

// AppendPacket appends an event as MessagePack: a map of type, data and nsp. On
// an error it returns dst unchanged.
func AppendPacket(dst []byte, namespace string, p adapter.Packet) ([]byte, error) {
	return piece(dst, packed, func(e *encoder) error { return e.packet(namespace, p) })
}

// AppendOptions appends options as MessagePack: a map of rooms, except and
// flags. timeout is omitted when it is 0.
func AppendOptions(dst []byte, o adapter.Options, timeout time.Duration) []byte {
	e := encoder{b: dst, form: packed}
	e.options(o, timeout)
	return e.b
}

// AppendOptionsJSON is AppendOptions for JSON.
func AppendOptionsJSON(dst []byte, o adapter.Options, timeout time.Duration) []byte {
	e := encoder{b: dst, form: plain}
	e.options(o, timeout)
	return e.b
}

// AppendAnswer appends the first argument of an acknowledgement as MessagePack,
// nil when there is none. On an error it returns dst unchanged.
func AppendAnswer(dst []byte, a adapter.Answer) ([]byte, error) {
	return piece(dst, packed, func(e *encoder) error { return e.answer(a) })
}

// AppendAnswerJSON is AppendAnswer for JSON, binary values in base64.
func AppendAnswerJSON(dst []byte, a adapter.Answer) ([]byte, error) {
	return piece(dst, plain, func(e *encoder) error { return e.answer(a) })
}

// AppendEventJSON appends an event's name and arguments as a JSON array, binary
// values in base64. On an error it returns dst unchanged.
func AppendEventJSON(dst []byte, p adapter.Packet) ([]byte, error) {
	return piece(dst, plain, func(e *encoder) error { return e.event(p) })
}

// AppendSocketsJSON appends descriptions of sockets as a JSON array. On an
// error it returns dst unchanged.
func AppendSocketsJSON(dst []byte, sockets []adapter.Details) ([]byte, error) {
	return piece(dst, plain, func(e *encoder) error { return e.sockets(sockets) })
}

func piece(dst []byte, f form, write func(e *encoder) error) ([]byte, error) {
	e := encoder{b: dst, form: f}
	switch err := write(&e); {
	case err == nil:
		return e.b, nil
	case errors.Is(err, errBinary):
		return dst, err
	default:
		return dst, fmt.Errorf("%w: %w", cluster.ErrUnencodable, err)
	}
}
