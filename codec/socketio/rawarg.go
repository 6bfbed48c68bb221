package socketio

import (
	"encoding/base64"
	"strconv"
)

// RawArg is an argument that is encoded already: JSON in which placeholders
// stand for binary values. AppendEvent and its like, those of package msgpack
// included, take it as an argument, not inside of one, and write it undecoded:
// numbers keep their digits and objects their order. The zero value is null.
// Immutable.
type RawArg struct {
	json        []byte
	attachments [][]byte
}

// NewRawArg returns the argument that is the JSON value json, which must be
// valid, as those of RawArgs are. Its placeholders stand for attachments;
// without attachments it has none, whatever is in it; one that looks like a
// placeholder can't be sent beside binary values: that is
// ErrIllegalAttachments. Nothing is copied.
func NewRawArg(json []byte, attachments [][]byte) RawArg { return RawArg{json, attachments} }

// Placeholder is where an attachment belongs in the JSON of a RawArg.
type Placeholder struct {
	Start, End int // of the object that stands for it
	Attachment []byte
}

// JSON returns the argument as it was given to NewRawArg. Read-only.
func (a RawArg) JSON() []byte {
	if a.json == nil {
		return []byte("null")
	}
	return a.json
}

// Attachments returns those that were given to NewRawArg. Read-only.
func (a RawArg) Attachments() [][]byte { return a.attachments }

// Placeholders returns the placeholders of the argument in the order of the
// JSON. The error is ErrIllegalAttachments for those that name no attachment,
// and ErrInvalidPayload for what is not JSON.
func (a RawArg) Placeholders() ([]Placeholder, error) {
	if len(a.attachments) == 0 {
		return nil, nil
	}
	found, err := findPlaceholders(a.json, len(a.attachments))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	list := make([]Placeholder, len(found))
	for i, p := range found {
		list[i] = Placeholder{p.start, p.end, a.attachments[p.num]}
	}
	return list, nil
}

// AppendJSON appends the argument to dst as JSON with base64 for binary values.
// On an error, one of those of Placeholders, dst comes back unchanged.
func (a RawArg) AppendJSON(dst []byte) ([]byte, error) {
	list, err := a.Placeholders()
	if err != nil {
		return dst, err
	}
	rest := a.JSON()
	done := 0
	for _, p := range list {
		dst = append(append(dst, rest[:p.Start-done]...), '"')
		dst = append(base64.StdEncoding.AppendEncode(dst, p.Attachment), '"')
		rest, done = rest[p.End-done:], p.End
	}
	return append(dst, rest...), nil
}

// MarshalJSON is AppendJSON, for data that is not in a packet.
func (a RawArg) MarshalJSON() ([]byte, error) { return a.AppendJSON(nil) }

// appendRawArg gives the placeholders the numbers that the attachments get in
// this packet: one that is referred to twice is sent once.
func (e *valueEncoder) appendRawArg(a RawArg) error {
	if len(a.attachments) == 0 {
		e.b = append(e.b, a.JSON()...)
		e.plain = append(e.plain, a.json)
		return nil
	}
	found, err := findPlaceholders(a.json, len(a.attachments))
	if err != nil {
		return err
	}
	numbers := make(map[int]int, len(found))
	done := 0
	for _, p := range found {
		e.b = append(e.b, a.json[done:p.start]...)
		done = p.end
		number, known := numbers[p.num]
		if !known {
			number = len(e.attachments)
			numbers[p.num] = number
			e.attachments = append(e.attachments, a.attachments[p.num])
		}
		e.b = AppendPlaceholder(e.b, number)
	}
	e.b = append(e.b, a.json[done:]...)
	return nil
}

// distinct returns an error when what looks like a placeholder in an argument
// without attachments would be one beside the attachments of others: the
// client that has sent it would choose what the recipients get, or have them
// close their connections.
func (e *valueEncoder) distinct() error {
	if len(e.attachments) == 0 {
		return nil
	}
	for _, json := range e.plain {
		if _, err := findPlaceholders(json, 0); err == ErrIllegalAttachments {
			return err
		}
	}
	return nil
}

// AppendPlaceholder appends the object that stands for an attachment.
func AppendPlaceholder(dst []byte, number int) []byte {
	dst = append(dst, `{"_placeholder":true,"num":`...)
	return append(strconv.AppendInt(dst, int64(number), 10), '}')
}
