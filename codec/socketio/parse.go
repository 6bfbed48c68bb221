package socketio

import (
	"bytes"
	"math"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// ParseHeader parses a packet (protocol 5, "Packet encoding"):
//
//	<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]
//
// maxAttachments is the largest attachment count let through. The payload is
// checked to be one JSON value of a kind that the type allows: an object for
// Connect, none for Disconnect, an array that starts with a number or a name
// that is not reserved for events, an array for acks, a string or an object
// for ConnectError. No payload at all is fine for every type.
//
// Placeholders are checked later, by Reconstructor. The header borrows from b.
// It does not allocate; the errors are ErrUnknownType, ErrIllegalAttachments,
// ErrTooManyAttachments and ErrInvalidPayload.
func ParseHeader(b []byte, maxAttachments int) (Header, error) {
	if len(b) == 0 || b[0]-'0' > byte(BinaryAck) {
		return Header{}, ErrUnknownType
	}
	h := Header{Type: PacketType(b[0] - '0'), Namespace: rootNamespace}
	b = b[1:]
	if h.Type.isBinary() {
		digits := bytes.IndexByte(b, '-')
		if digits < 0 {
			return Header{}, ErrIllegalAttachments
		}
		n, used := parseDigits(b[:digits])
		switch {
		case used != digits || n == 0:
			return Header{}, ErrIllegalAttachments
		case n > uint64(max(maxAttachments, 0)):
			return Header{}, ErrTooManyAttachments
		}
		h.Attachments = int(n)
		b = b[digits+1:]
	}
	if len(b) > 0 && b[0] == '/' {
		if end := bytes.IndexByte(b, ','); end >= 0 {
			h.Namespace, b = b[:end:end], b[end+1:]
		} else {
			h.Namespace, b = b, nil
		}
	}
	id, used := parseDigits(b)
	h.ID, h.HasID = id, used > 0
	if b = b[used:]; len(b) == 0 {
		return h, nil
	}
	n, err := jsonenc.Skip(b)
	if err != nil || len(jsonenc.TrimSpace(b[n:])) > 0 {
		return Header{}, ErrInvalidPayload
	}
	h.Data = jsonenc.TrimSpace(b[:n])
	if !payloadFits(h.Type, h.Data) {
		return Header{}, ErrInvalidPayload
	}
	return h, nil
}

// parseDigits returns the decimal number at the head of b, the largest uint64
// for one that is larger still, and how many digits it has.
func parseDigits(b []byte) (n uint64, digits int) {
	for ; digits < len(b) && b[digits]-'0' <= 9; digits++ {
		d := uint64(b[digits] - '0')
		if n > (math.MaxUint64-d)/10 {
			n = math.MaxUint64
			continue
		}
		n = n*10 + d
	}
	return n, digits
}

// payloadFits reports whether a packet of type t may carry data, which is valid
// JSON.
func payloadFits(t PacketType, data []byte) bool {
	switch t {
	case Connect:
		return data[0] == '{'
	case Event, BinaryEvent:
		return data[0] == '[' && nameFits(jsonenc.TrimSpace(data[1:]))
	case Ack, BinaryAck:
		return data[0] == '['
	case ConnectError:
		return data[0] == '{' || data[0] == '"'
	default:
		return false
	}
}

// nameFits reports whether b starts with an event name: a number or a string
// that is not reserved.
func nameFits(b []byte) bool {
	if b[0] != '"' {
		return b[0] == '-' || b[0]-'0' <= 9
	}
	var buf [64]byte
	name, err := appendName(buf[:0], b)
	return err == nil && !Reserved(name)
}
