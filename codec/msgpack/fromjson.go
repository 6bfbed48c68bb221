package msgpack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/socketio"
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
	return e.transcode(json, nil)
}

// appendRawArg transcodes an argument.
func (e *encoder) appendRawArg(a socketio.RawArg) error {
	binary, err := a.Placeholders()
	if err != nil {
		return err
	}
	return e.transcode(a.JSON(), binary)
}

// transcode appends valid JSON, with binary values for its placeholders.
func (e *encoder) transcode(json []byte, binary []socketio.Placeholder) error {
	rest := jsonenc.TrimSpace(json) // its end stays: what is left tells the offset
	lead := len(json) - len(bytes.TrimLeft(json, " \t\r\n"))
	t := transcoder{b: e.b, rest: rest, end: lead + len(rest), binary: binary}
	if err := t.value(); err != nil {
		return err
	}
	e.b = t.compact()
	return nil
}

// wideHeader is the size of the headers that a transcoder writes first.
const wideHeader = 5

// transcoder appends the valid JSON at the head of rest to b. How many items a
// container has is known at its end only: so its header is written in the
// widest form, and compact narrows all of them in one pass.
type transcoder struct {
	b       []byte
	rest    []byte
	headers []int // where containers begin in b, in ascending order

	end    int                    // the offset of rest's end in the JSON
	binary []socketio.Placeholder // those in rest
}

func (t *transcoder) value() error {
	t.rest = jsonenc.TrimSpace(t.rest)
	if at := t.end - len(t.rest); len(t.binary) > 0 && t.binary[0].Start == at {
		t.b = AppendBinary(t.b, t.binary[0].Attachment)
		t.rest = t.rest[t.binary[0].End-at:]
		t.binary = t.binary[1:]
		return nil
	}
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
		t.b, err = appendNumberLiteral(t.b, literal)
	}
	return err
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

// appendNumberLiteral appends the number of a JSON literal. The error is
// ErrUnsupported for one that float64 can't hold.
func appendNumberLiteral(dst []byte, literal string) ([]byte, error) {
	if !strings.ContainsAny(literal, ".eE") {
		if i, err := strconv.ParseInt(literal, 10, 64); err == nil {
			return AppendInt(dst, i), nil
		}
		if u, err := strconv.ParseUint(literal, 10, 64); err == nil {
			return AppendUint(dst, u), nil
		}
	}
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		return dst, fmt.Errorf("%w: a number of %d characters beyond float64", ErrUnsupported, len(literal))
	}
	return AppendFloat(dst, f), nil
}
