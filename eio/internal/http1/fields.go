package http1

import (
	"bytes"
	"math"
)

// framing collects from the fields what can only be judged at the end of the
// head.
type framing struct {
	host, length, coding    bool // the field was present
	closes, keeps, upgrades bool // tokens of Connection
	protocol                bool // a non-empty Upgrade field
	websocket               bool // its value is "websocket"
}

// fieldLine parses one field line (RFC 9112 section 5); at is the line's offset
// in the head.
func (r *Request) fieldLine(line []byte, at int, f *framing) error {
	if line[0] == ' ' || line[0] == '\t' {
		return ErrFolded
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || !all(line[:colon], classToken) {
		return ErrHeaderName
	}
	from, to := colon+1, len(line)
	for from < to && (line[from] == ' ' || line[from] == '\t') {
		from++
	}
	for to > from && (line[to-1] == ' ' || line[to-1] == '\t') {
		to--
	}
	value := line[from:to:to]
	if !all(value, classValue) {
		if bytes.IndexByte(value, '\r') >= 0 {
			return ErrLineEnd
		}
		return ErrHeaderValue
	}
	if r.count == MaxFields {
		return ErrHeadTooLarge
	}
	r.fields[r.count] = field{uint16(at), uint16(at + colon), uint16(at + from), uint16(at + to)}
	r.count++
	return r.note(line[:colon], value, f)
}

// note handles the fields that frame the message or control the connection.
func (r *Request) note(name, value []byte, f *framing) error {
	switch len(name) {
	case len("Host"):
		if equalFold(name, "Host") {
			if f.host || !all(value, classHost) {
				return ErrHost
			}
			f.host = true
			if r.Host == nil { // the authority of an absolute-form target comes first
				r.Host = value
			}
		}
	case len("Expect"):
		if equalFold(name, "Expect") {
			if !equalFold(value, "100-continue") {
				return ErrExpectation
			}
			r.Expect100 = r.Minor > 0
		}
	case len("Upgrade"):
		if equalFold(name, "Upgrade") && len(value) > 0 {
			// Two Upgrade fields are a list, and a list is not "websocket".
			f.websocket = !f.protocol && equalFold(value, "websocket")
			f.protocol = true
		}
	case len("Connection"):
		if equalFold(name, "Connection") {
			f.connection(value)
		}
	case len("Content-Length"):
		if equalFold(name, "Content-Length") {
			n, ok := parseLength(value)
			if f.length || !ok {
				return ErrContentLength
			}
			f.length, r.ContentLength = true, n
		}
	case len("Transfer-Encoding"):
		if equalFold(name, "Transfer-Encoding") {
			if f.coding || r.Minor == 0 {
				return ErrTransferEncoding
			}
			if !equalFold(value, "chunked") {
				return ErrCoding
			}
			f.coding, r.Chunked = true, true
		}
	}
	return nil
}

// connection reads the tokens of one Connection field (RFC 9110 section 7.6.1).
func (f *framing) connection(value []byte) {
	for len(value) > 0 {
		token, rest, _ := bytes.Cut(value, []byte{','})
		value = rest
		switch token = trim(token); {
		case equalFold(token, "close"):
			f.closes = true
		case equalFold(token, "keep-alive"):
			f.keeps = true
		case equalFold(token, "upgrade"):
			f.upgrades = true
		}
	}
}

// finish judges the head as a whole.
func (r *Request) finish(f *framing) error {
	if r.Minor > 0 && !f.host {
		return ErrHost
	}
	if f.coding && f.length {
		return ErrTransferEncoding
	}
	r.KeepAlive = !f.closes && (r.Minor > 0 || f.keeps)
	r.Upgrade = f.upgrades && f.protocol && r.Minor > 0
	r.WebSocket = r.Upgrade && f.websocket
	return nil
}

// parseLength parses a plain decimal number: digits only, within int64.
func parseLength(b []byte) (n int64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		if !digit(c) || n > (math.MaxInt64-int64(c-'0'))/10 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
