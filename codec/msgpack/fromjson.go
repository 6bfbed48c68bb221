package msgpack

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// appendJSON transcodes a JSON value, nil to nil.
func (e *encoder) appendJSON(json []byte) error {
	if json == nil {
		e.b = append(e.b, codeNil)
		return nil
	}
	if n, err := jsonenc.Skip(json); err != nil {
		return err
	} else if len(jsonenc.TrimSpace(json[n:])) > 0 {
		return jsonenc.ErrSyntax
	}
	t := transcoder{b: e.b, rest: json}
	if err := t.value(); err != nil {
		return err
	}
	e.b = t.compact()
	return nil
}

// wideHeader is the size of the headers that a transcoder writes first.
const wideHeader = 5

// transcoder appends the valid JSON at the head of rest to b. How many items a
// container has is known at its end only: so its header is written in the widest
// form, and compact narrows all of them in one pass.
type transcoder struct {
	b       []byte
	rest    []byte
	headers []int // where containers begin in b, in ascending order
}

func (t *transcoder) value() error {
	t.rest = jsonenc.TrimSpace(t.rest)
	switch t.rest[0] {
	case '{':
		return t.container(codeMap32, '}')
	case '[':
		return t.container(codeArray32, ']')
	case '"':
		return t.string()
	}
	n, err := jsonenc.Skip(t.rest)
	if err != nil {
		return err
	}
	literal := string(jsonenc.TrimSpace(t.rest[:n]))
	t.rest = t.rest[n:]
	switch literal {
	case "null":
		t.b = append(t.b, codeNil)
	case "true", "false":
		t.b = appendBool(t.b, literal == "true")
	default:
		t.b = appendNumberLiteral(t.b, literal)
	}
	return nil
}

func (t *transcoder) container(code, end byte) error {
	header := len(t.b)
	t.headers = append(t.headers, header)
	t.b = append(t.b, code, 0, 0, 0, 0)
	n := uint32(0)
	for {
		t.rest = jsonenc.TrimSpace(t.rest[1:]) // after the bracket or the comma
		if t.rest[0] == end {
			break
		}
		if code == codeMap32 {
			if err := t.string(); err != nil {
				return err
			}
			t.rest = jsonenc.TrimSpace(t.rest)[1:] // after the colon
		}
		if err := t.value(); err != nil {
			return err
		}
		n++
		if t.rest = jsonenc.TrimSpace(t.rest); t.rest[0] == end {
			break
		}
	}
	t.rest = t.rest[1:]
	binary.BigEndian.PutUint32(t.b[header+1:], n)
	return nil
}

func (t *transcoder) string() error {
	start := len(t.b)
	b, n, err := jsonenc.AppendUnquoted(t.b, t.rest)
	if err != nil {
		return err
	}
	var buf [wideHeader]byte
	t.b = slices.Insert(b, start, appendStringHeader(buf[:0], len(b)-start)...)
	t.rest = t.rest[n:]
	return nil
}

// compact gives each container the smallest header.
func (t *transcoder) compact() []byte {
	if len(t.headers) == 0 {
		return t.b
	}
	out := t.b[:t.headers[0]]
	for i, header := range t.headers {
		n := int(binary.BigEndian.Uint32(t.b[header+1:]))
		if t.b[header] == codeMap32 {
			out = AppendMapHeader(out, n)
		} else {
			out = AppendArrayHeader(out, n)
		}
		end := len(t.b)
		if i+1 < len(t.headers) {
			end = t.headers[i+1]
		}
		out = append(out, t.b[header+wideHeader:end]...)
	}
	return out
}

// isNumberLiteral reports whether s is a number of JSON and nothing else.
func isNumberLiteral(s string) bool {
	if s == "" || s[0] != '-' && s[0]-'0' > 9 {
		return false
	}
	n, err := jsonenc.Skip([]byte(s))
	return err == nil && n == len(s)
}

// appendNumberLiteral appends the number of a JSON literal.
func appendNumberLiteral(dst []byte, literal string) []byte {
	if !strings.ContainsAny(literal, ".eE") {
		if i, err := strconv.ParseInt(literal, 10, 64); err == nil {
			return AppendInt(dst, i)
		}
		if u, err := strconv.ParseUint(literal, 10, 64); err == nil {
			return AppendUint(dst, u)
		}
	}
	f, _ := strconv.ParseFloat(literal, 64) // infinite if out of range, as in JavaScript
	return AppendFloat(dst, f)
}
