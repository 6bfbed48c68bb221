package socketio

import (
	"slices"
	"strconv"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// AppendHeader appends the packet h to dst, data included. It is the inverse of
// ParseHeader, and like all of this file does not allocate when dst has room.
func AppendHeader(dst []byte, h Header) []byte {
	start := len(dst)
	dst = appendPrefix(dst, h.Type, h.Namespace, h.ID, h.HasID)
	dst = append(dst, h.Data...)
	if h.Type.isBinary() {
		dst = insertAttachments(dst, start, h.Attachments)
	}
	return dst
}

// AppendConnect appends the server's reply to a CONNECT, with the socket's id
// and, unless it is empty, the private id that lets the client recover.
func AppendConnect(dst []byte, nsp, sid, pid string) []byte {
	dst = appendPrefix(dst, Connect, nsp, 0, false)
	dst = jsonenc.AppendString(append(dst, `{"sid":`...), sid)
	if pid != "" {
		dst = jsonenc.AppendString(append(dst, `,"pid":`...), pid)
	}
	return append(dst, '}')
}

// AppendConnectError appends the refusal of a CONNECT. data is raw JSON, nil
// when there is none. The refusals of protocol 4, a bare value, are written
// with AppendHeader.
func AppendConnectError(dst []byte, nsp, message string, data []byte) []byte {
	dst = appendPrefix(dst, ConnectError, nsp, 0, false)
	dst = jsonenc.AppendString(append(dst, `{"message":`...), message)
	if data != nil {
		dst = append(append(dst, `,"data":`...), data...)
	}
	return append(dst, '}')
}

// AppendDisconnect appends a DISCONNECT packet.
func AppendDisconnect(dst []byte, nsp string) []byte {
	return appendPrefix(dst, Disconnect, nsp, 0, false)
}

// AppendEvent appends an EVENT packet to dst, or a BINARY_EVENT if a []byte is
// found in args at any depth; these then come back in the order of their
// placeholders, to be sent as binary messages of their own. The attachments
// are not copied: they are the memory that args refer to.
//
// An arg is read as jsonenc.Append reads it, except that every slice of bytes
// whose type has no JSON form of its own is binary; nil ones are null. A
// json.RawMessage is JSON, never binary. Strings, numbers, booleans, nil and
// json.RawMessage do not allocate when dst has room. The event's name is not
// checked, see Reserved. On an error dst comes back unchanged.
func AppendEvent(dst []byte, nsp string, id uint64, hasID bool, event string, args []any) (out []byte, attachments [][]byte, err error) {
	e := valueEncoder{b: appendPrefix(dst, Event, nsp, id, hasID)}
	e.b = jsonenc.AppendString(append(e.b, '['), event)
	for _, arg := range args {
		e.b = append(e.b, ',')
		if err := e.append(arg); err != nil {
			return dst, nil, err
		}
	}
	e.b = append(e.b, ']')
	return e.seal(len(dst), BinaryEvent)
}

// AppendAck appends an ACK packet to dst, or a BINARY_ACK: see AppendEvent.
func AppendAck(dst []byte, nsp string, id uint64, args []any) (out []byte, attachments [][]byte, err error) {
	e := valueEncoder{b: append(appendPrefix(dst, Ack, nsp, id, true), '[')}
	if err := e.appendAll(args); err != nil {
		return dst, nil, err
	}
	e.b = append(e.b, ']')
	return e.seal(len(dst), BinaryAck)
}

// AppendArgs appends args as the items of a JSON array, with commas between
// them, for data that is not in a packet. It treats them as AppendEvent does,
// and placeholders stand for the attachments. On an error dst comes back
// unchanged.
func AppendArgs(dst []byte, args []any) (out []byte, attachments [][]byte, err error) {
	e := valueEncoder{b: dst}
	if err := e.appendAll(args); err != nil {
		return dst, nil, err
	}
	if err := e.distinct(); err != nil {
		return dst, nil, err
	}
	return e.b, e.attachments, nil
}

func (e *valueEncoder) appendAll(args []any) error {
	for i, arg := range args {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		if err := e.append(arg); err != nil {
			return err
		}
	}
	return nil
}

// AppendRawEvent appends an EVENT packet whose arguments are JSON already: see
// AppendRawAck.
func AppendRawEvent(dst []byte, nsp string, id uint64, hasID bool, event string, args RawArgs) []byte {
	dst = append(appendPrefix(dst, Event, nsp, id, hasID), '[')
	return append(args.appendTo(jsonenc.AppendString(dst, event), true), ']')
}

// AppendRawAck appends an ACK packet whose arguments are JSON already, without
// placeholders, as those of a packet that has been received.
func AppendRawAck(dst []byte, nsp string, id uint64, args RawArgs) []byte {
	dst = append(appendPrefix(dst, Ack, nsp, id, true), '[')
	return append(args.appendTo(dst, false), ']')
}

// appendTo appends the arguments with commas between them, and before them if
// more is set.
func (a RawArgs) appendTo(dst []byte, more bool) []byte {
	for arg, ok := a.Next(); ok; arg, ok = a.Next() {
		if more {
			dst = append(dst, ',')
		}
		dst = append(dst, arg...)
		more = true
	}
	return dst
}

// seal turns the packet that starts at e.b[start] into one of type binary if
// it has attachments.
func (e *valueEncoder) seal(start int, binary PacketType) ([]byte, [][]byte, error) {
	if err := e.distinct(); err != nil {
		return e.b[:start], nil, err
	}
	if len(e.attachments) > 0 {
		e.b[start] = '0' + byte(binary)
		e.b = insertAttachments(e.b, start, len(e.attachments))
	}
	return e.b, e.attachments, nil
}

// appendPrefix appends all that precedes the payload but the attachment count.
func appendPrefix[T []byte | string](dst []byte, t PacketType, nsp T, id uint64, hasID bool) []byte {
	dst = append(dst, '0'+byte(t))
	if string(nsp) != "/" {
		dst = append(append(dst, nsp...), ',')
	}
	if hasID {
		dst = strconv.AppendUint(dst, id, 10)
	}
	return dst
}

// insertAttachments puts the attachment count into the packet that starts at
// dst[start]. It is known only once the payload is written.
func insertAttachments(dst []byte, start, count int) []byte {
	var buf [21]byte
	digits := append(strconv.AppendInt(buf[:0], int64(count), 10), '-')
	return slices.Insert(dst, start+1, digits...)
}
