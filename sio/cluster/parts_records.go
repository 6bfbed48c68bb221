package cluster

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/sio/adapter"
)

// An answer in parts is a sequence of records, which may be cut anywhere. A
// record is its length and as many bytes of fields. A field is its length and
// its bytes. Lengths are unsigned varints.
//
//	a socket:  id, handshake, data, and each room
//	an answer: data with a byte 1 before it, or an empty field if there is none,
//	           and each attachment

// lengthSpace is how many bytes are reserved for a length before it is known.
const lengthSpace = binary.MaxVarintLen32

// appendRecord appends a record whose fields write appends.
func appendRecord(b []byte, write func(b []byte) []byte) []byte {
	start := len(b)
	b = write(append(b, make([]byte, lengthSpace)...))
	body := b[start+lengthSpace:]
	head := binary.AppendUvarint(b[:start], uint64(len(body)))
	return append(head, body...) // to the left: head is no longer than the space
}

func appendField[T ~string | ~[]byte](b []byte, field T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(field))), field...)
}

// appendSocket appends the record of a socket.
func appendSocket(b []byte, d *adapter.Details) []byte {
	return appendRecord(b, func(b []byte) []byte {
		b = appendField(appendField(appendField(b, d.ID), d.Handshake), d.Data)
		for _, room := range d.Rooms {
			b = appendField(b, room)
		}
		return b
	})
}

// appendAnswer appends the record of an answer.
func appendAnswer(b []byte, a adapter.Answer) []byte {
	return appendRecord(b, func(b []byte) []byte {
		if a.Data == nil {
			b = appendField(b, "")
		} else {
			b = append(binary.AppendUvarint(b, 1+uint64(len(a.Data))), 1)
			b = append(b, a.Data...)
		}
		for _, attachment := range a.Attachments {
			b = appendField(b, attachment)
		}
		return b
	})
}

// cutField returns the field, or the record, at the beginning of b, and the
// rest. It reports false if b is too short.
func cutField(b []byte) (field, rest []byte, ok bool) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return nil, b, false
	}
	end := n + int(length)
	return b[n:end:end], b[end:], true
}

// fieldCost is about how many bytes a field takes besides its contents.
const fieldCost = 24

// fieldsCost returns what the fields of a record cost, before memory is
// allocated.
func fieldsCost(record []byte) (size int64) {
	for {
		_, rest, ok := cutField(record)
		if !ok {
			return size
		}
		size, record = size+fieldCost, rest
	}
}

// badLength reports whether b can not begin with a length.
func badLength(b []byte) bool {
	_, n := binary.Uvarint(b)
	return n < 0 || n == 0 && len(b) >= binary.MaxVarintLen64
}

// parseSocket reads the record of a socket. The result refers to b. A field
// that is not valid JSON is nil.
func parseSocket(b []byte) (d adapter.Details, ok bool) {
	var fields [3][]byte
	for i := range fields {
		if fields[i], b, ok = cutField(b); !ok {
			return d, false
		}
	}
	d.ID = string(fields[0])
	if d.ID == "" || !utf8.ValidString(d.ID) {
		return d, false
	}
	d.Handshake, d.Data = validJSON(fields[1]), validJSON(fields[2])
	for len(b) > 0 {
		var room []byte
		if room, b, ok = cutField(b); !ok || !utf8.Valid(room) {
			return d, false
		}
		d.Rooms = append(d.Rooms, string(room))
	}
	return d, true
}

func validJSON(b []byte) []byte {
	if !jsonenc.Valid(b) {
		return nil
	}
	return b
}

// parseAnswer reads the record of an answer. The result refers to b. The data
// is not checked.
func parseAnswer(b []byte) (a adapter.Answer, ok bool) {
	data, b, ok := cutField(b)
	if !ok || len(data) > 0 && data[0] != 1 {
		return a, false
	}
	if len(data) > 0 {
		a.Data = data[1:]
	}
	for len(b) > 0 {
		var attachment []byte
		if attachment, b, ok = cutField(b); !ok {
			return a, false
		}
		a.Attachments = append(a.Attachments, attachment)
	}
	a.Attachments = slices.Clip(a.Attachments)
	return a, true
}
