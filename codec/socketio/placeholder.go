package socketio

import (
	"bytes"
	"strconv"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// placeholder is an object of some JSON that stands for an attachment:
// raw[start:end].
type placeholder struct {
	start, end int
	num        int // of the attachment; negative when it names none
}

// findPlaceholders returns the placeholders of raw in the order of the
// document: each object whose member "_placeholder", the last of that name, is
// true. It does not look into them. Placeholders that name none of the first
// attachments binary messages make it return ErrIllegalAttachments, and what is
// not JSON ErrInvalidPayload.
func findPlaceholders(raw []byte, attachments int) ([]placeholder, error) {
	if n, err := jsonenc.Skip(raw); err != nil || len(jsonenc.TrimSpace(raw[n:])) > 0 {
		return nil, ErrInvalidPayload
	}
	if !bytes.Contains(raw, []byte("_placeholder")) && !bytes.Contains(raw, []byte(`\u`)) {
		return nil, nil
	}
	s := scanner{raw: raw, attachments: attachments}
	s.value(0)
	for _, p := range s.found {
		if p.num < 0 {
			return nil, ErrIllegalAttachments
		}
	}
	return s.found, nil
}

// scanner walks JSON that is known to be valid and not nested too deeply.
type scanner struct {
	raw         []byte
	found       []placeholder
	attachments int
}

// token returns the index of the next token from i on. Commas and colons are
// passed over, since it has been checked where they stand.
func (s *scanner) token(i int) int {
	for {
		switch s.raw[i] {
		case ' ', '\t', '\n', '\r', ',', ':':
			i++
		default:
			return i
		}
	}
}

// value walks the value at i and returns the index after it.
func (s *scanner) value(i int) int {
	i = s.token(i)
	switch s.raw[i] {
	case '{':
		return s.object(i)
	case '[':
		for i = s.token(i + 1); s.raw[i] != ']'; i = s.token(i) {
			i = s.value(i)
		}
		return i + 1
	default:
		return i + skipScalar(s.raw[i:])
	}
}

func (s *scanner) object(start int) int {
	before := len(s.found)
	marked, num := false, -1
	i := s.token(start + 1)
	for s.raw[i] != '}' {
		key := s.raw[i : i+skipScalar(s.raw[i:])]
		i = s.token(i + len(key))
		end := s.value(i)
		switch {
		case isKey(key, "_placeholder"):
			marked = string(s.raw[i:end]) == "true"
		case isKey(key, "num"):
			num = attachmentNumber(s.raw[i:end], s.attachments)
		}
		i = s.token(end)
	}
	if marked {
		s.found = append(s.found[:before], placeholder{start: start, end: i + 1, num: num})
	}
	return i + 1
}

func skipScalar(b []byte) int {
	n, _ := jsonenc.Skip(b)
	return n
}

// isKey reports whether the string literal spells name.
func isKey(literal []byte, name string) bool {
	if bytes.IndexByte(literal, '\\') < 0 {
		return string(literal[1:len(literal)-1]) == name
	}
	if len(literal) > 6*len(name)+2 {
		return false
	}
	var buf [6*len("_placeholder") + 2]byte
	text, _, err := jsonenc.AppendUnquoted(buf[:0], literal)
	return err == nil && string(text) == name
}

// canonicalPlaceholder returns the number of the placeholder that raw is, if it
// is written as every known client writes it.
func canonicalPlaceholder(raw []byte) (num uint64, ok bool) {
	raw, ok = bytes.CutPrefix(raw, []byte(`{"_placeholder":true,"num":`))
	if !ok {
		return 0, false
	}
	num, digits := parseDigits(raw)
	return num, digits == 1 && string(raw[1:]) == "}"
}

// attachmentNumber returns the value of a JSON number if it is an integer from
// 0 to below count, else -1.
func attachmentNumber(raw []byte, count int) int {
	if raw[0] != '-' && raw[0]-'0' > 9 {
		return -1
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f < 0 || f >= float64(count) || f != float64(int(f)) {
		return -1
	}
	return int(f)
}
