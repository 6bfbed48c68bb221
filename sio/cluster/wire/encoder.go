package wire

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/sio/adapter"
)

// form is the encoding of an encoder's output.
type form uint8

const (
	text   form = iota // JSON; binary values are an error, errBinary
	plain              // JSON, binary values in base64
	packed             // MessagePack
)

// errBinary reports that a text must become MessagePack instead.
var errBinary = errors.New("wire: binary value in a text")

// encoder appends to b. Maps are written from open to close, and count their
// members: 15 at most, so that the size of a packed one is a byte.
type encoder struct {
	b       []byte
	form    form
	members int // of the map that is open
}

// outer is the map around another one.
type outer struct {
	start   int // of the inner one
	members int
}

func (e *encoder) open() outer {
	o := outer{len(e.b), e.members}
	e.members = 0
	if e.form == packed {
		e.b = msgpack.AppendMapHeader(e.b, 0)
	} else {
		e.b = append(e.b, '{')
	}
	return o
}

func (e *encoder) close(o outer) {
	if e.form == packed {
		msgpack.AppendMapHeader(e.b[:o.start], e.members)
	} else {
		e.b = append(e.b, '}')
	}
	e.members = o.members
}

// key writes a key, which needs no escapes.
func (e *encoder) key(name string) {
	e.members++
	if e.form == packed {
		e.b = msgpack.AppendString(e.b, name)
		return
	}
	if e.members > 1 {
		e.b = append(e.b, ',')
	}
	e.b = append(append(append(e.b, '"'), name...), `":`...)
}

func (e *encoder) text(s string) {
	if e.form == packed {
		e.b = msgpack.AppendString(e.b, s)
	} else {
		e.b = jsonenc.AppendString(e.b, s)
	}
}

func (e *encoder) int(n int) {
	if e.form == packed {
		e.b = msgpack.AppendInt(e.b, int64(n))
	} else {
		e.b = strconv.AppendInt(e.b, int64(n), 10)
	}
}

func (e *encoder) bool(v bool) {
	if e.form == packed {
		e.b, _ = msgpack.AppendValue(e.b, v) // can't fail
	} else {
		e.b = strconv.AppendBool(e.b, v)
	}
}

func (e *encoder) array(items int) {
	if e.form == packed {
		e.b = msgpack.AppendArrayHeader(e.b, items)
	} else {
		e.b = append(e.b, '[')
	}
}

func (e *encoder) endArray() {
	if e.form != packed {
		e.b = append(e.b, ']')
	}
}

func (e *encoder) texts(list []string) {
	e.array(len(list))
	for i, s := range list {
		if i > 0 && e.form != packed {
			e.b = append(e.b, ',')
		}
		e.text(s)
	}
	e.endArray()
}

// raw writes encoded JSON, or null when it is nil.
func (e *encoder) raw(v json.RawMessage) (err error) {
	if e.form == packed {
		e.b, err = msgpack.AppendValue(e.b, v)
	} else {
		e.b, err = jsonenc.Append(e.b, v)
	}
	return err
}

func (e *encoder) packet(namespace string, p adapter.Packet) error {
	o := e.open()
	e.key("type")
	e.int(eventType)
	e.key("data")
	if err := e.event(p); err != nil {
		return err
	}
	e.key("nsp")
	e.text(namespace)
	e.close(o)
	return nil
}

func (e *encoder) event(p adapter.Packet) error {
	e.array(1 + len(p.Args))
	e.text(p.Event)
	if err := e.arguments(p.Args); err != nil {
		return err
	}
	e.endArray()
	return nil
}

func (e *encoder) arguments(args []any) (err error) {
	if len(args) == 0 {
		return nil
	}
	switch e.form {
	case text:
		var attachments [][]byte
		e.b, attachments, err = socketio.AppendArgs(append(e.b, ','), args)
		if len(attachments) > 0 {
			return errBinary
		}
		return err
	case plain:
		for _, arg := range args {
			if err := socketio.Check(arg); err != nil {
				return err
			}
			if e.b, err = jsonenc.Append(append(e.b, ','), arg); err != nil {
				return err
			}
		}
	case packed:
		for _, arg := range args {
			if e.b, err = msgpack.AppendValue(e.b, arg); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *encoder) options(o adapter.Options, timeout time.Duration) {
	options := e.open()
	e.key("rooms")
	e.texts(o.Rooms)
	e.key("except")
	e.texts(o.Except)
	e.key("flags")
	flags := e.open()
	if o.Volatile {
		e.key("volatile")
		e.bool(true)
	}
	if o.NoCompress {
		e.key("compress")
		e.bool(false)
	}
	if timeout > 0 {
		e.key("timeout")
		e.int(int(min(max(timeout.Milliseconds(), 1), maxInt)))
	}
	e.close(flags)
	e.close(options)
}

func (e *encoder) answer(a adapter.Answer) (err error) {
	if len(a.Attachments) == 0 {
		return e.raw(a.Data)
	}
	arg := socketio.NewRawArg(a.Data, a.Attachments)
	switch e.form {
	case text:
		return errBinary
	case packed:
		e.b, err = msgpack.AppendValue(e.b, arg)
	default:
		e.b, err = arg.AppendJSON(e.b)
	}
	return err
}

func (e *encoder) sockets(list []adapter.Details) error {
	e.array(len(list))
	for i, d := range list {
		if i > 0 && e.form != packed {
			e.b = append(e.b, ',')
		}
		o := e.open()
		e.key("id")
		e.text(d.ID)
		e.key("handshake")
		if err := e.raw(d.Handshake); err != nil {
			return err
		}
		e.key("rooms")
		e.texts(d.Rooms)
		e.key("data")
		if err := e.raw(d.Data); err != nil {
			return err
		}
		e.close(o)
	}
	e.endArray()
	return nil
}
