package msgpack

import (
	"math"
	"unicode/utf8"

	"github.com/sioserver/sioserver/codec/socketio"
)

// ParsePacket parses a packet: a map of the members "type", "nsp" and, where
// they are, "id" and "data"; others are ignored, and the last of duplicates
// counts. A member that is undefined is absent. The data is checked to be of a
// kind that the type allows: a map or nothing for Connect, nothing for
// Disconnect, an array that starts with a number or a name that is not reserved
// for Event, an array for Ack, a string or a map for ConnectError. The binary
// types and Attachments are never set.
//
// The header borrows from b, Data is the raw value. It does not allocate unless
// the namespace is not UTF-8; the errors are ErrMalformed, ErrTooDeep,
// ErrUnknownType, ErrInvalidNamespace, ErrInvalidPayload and ErrInvalidID.
func ParsePacket(b []byte) (socketio.Header, error) {
	m, err := readMembers(b)
	if err != nil {
		return socketio.Header{}, err
	}
	t, ok := natural(m.typ)
	if !ok || t > uint64(socketio.ConnectError) {
		return socketio.Header{}, ErrUnknownType
	}
	h := socketio.Header{Type: socketio.PacketType(t)}
	if h.Namespace, ok = text(m.nsp); !ok || len(h.Namespace) == 0 {
		return socketio.Header{}, ErrInvalidNamespace
	}
	if !isAbsent(m.data) {
		h.Data = m.data
	}
	if !payloadFits(h.Type, h.Data) {
		return socketio.Header{}, ErrInvalidPayload
	}
	if !isAbsent(m.id) {
		if h.ID, h.HasID = natural(m.id); !h.HasID {
			return socketio.Header{}, ErrInvalidID
		}
	}
	return h, nil
}

// members are the raw values of a packet's map; nil for those that are missing.
type members struct{ typ, nsp, id, data []byte }

func readMembers(b []byte) (m members, err error) {
	h, i, err := readHead(b)
	if err != nil {
		return m, err
	}
	if h.kind != kindMap {
		if err = isOne(b); err == nil {
			err = ErrUnknownType
		}
		return m, err
	}
	for range h.n {
		key, n, err := readName(b[i:])
		if err != nil {
			return m, err
		}
		i += n
		if n, err = Skip(b[i:]); err != nil {
			return m, err
		}
		value := b[i : i+n : i+n]
		i += n
		switch string(key) {
		case "type":
			m.typ = value
		case "nsp":
			m.nsp = value
		case "id":
			m.id = value
		case "data":
			m.data = value
		}
	}
	if i != len(b) {
		return m, ErrMalformed
	}
	return m, nil
}

// readName returns the text of the key at the head of b, nil if it is no
// string, and its size.
func readName(b []byte) (name []byte, size int, err error) {
	h, size, err := readHead(b)
	if err != nil {
		return nil, 0, err
	}
	if h.kind == kindString {
		return b[size : size+h.n], size + h.n, nil
	}
	size, err = Skip(b)
	return nil, size, err
}

// isAbsent reports whether the raw value is missing or undefined.
func isAbsent(raw []byte) bool {
	if raw == nil {
		return true
	}
	h, _, _ := readHead(raw)
	return h.kind == kindUndefined
}

// text returns the text of a raw value, ill-formed UTF-8 replaced in a copy;
// false if it is no string.
func text(raw []byte) ([]byte, bool) {
	h, size, err := readHead(raw)
	if err != nil || h.kind != kindString {
		return nil, false
	}
	s := raw[size : size+h.n : size+h.n]
	if !utf8.Valid(s) {
		s = []byte(validText(s))
	}
	return s, true
}

// validText returns s with U+FFFD for each byte that is not part of UTF-8.
func validText(s []byte) string {
	if utf8.Valid(s) {
		return string(s)
	}
	return string([]rune(string(s)))
}

// natural returns the raw number, the largest uint64 for one that is larger
// still; false if it is no integer from 0 on.
func natural(raw []byte) (uint64, bool) {
	h, _, err := readHead(raw)
	if err != nil {
		return 0, false
	}
	if h = h.whole(); h.kind == kindFloat {
		f := h.float()
		return math.MaxUint64, f >= 1<<64 && !math.IsInf(f, 1)
	}
	return h.bits, h.kind == kindUint
}

// payloadFits reports whether a packet of type t may carry data; nil is none.
func payloadFits(t socketio.PacketType, data []byte) bool {
	if data == nil {
		return t == socketio.Connect || t == socketio.Disconnect
	}
	h, size, err := readHead(data)
	if err != nil {
		return false
	}
	switch t {
	case socketio.Connect:
		return h.kind == kindMap
	case socketio.Event:
		return h.kind == kindArray && h.n > 0 && nameFits(data[size:])
	case socketio.Ack:
		return h.kind == kindArray
	case socketio.ConnectError:
		return h.kind == kindMap || h.kind == kindString
	default:
		return false
	}
}

// nameFits reports whether b starts with an event name: a number or a string
// that is not reserved.
func nameFits(b []byte) bool {
	if name, ok := text(b); ok {
		return !socketio.Reserved(name)
	}
	h, _, err := readHead(b)
	return err == nil && h.isNumber()
}
