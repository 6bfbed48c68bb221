//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

var errMalformed = errors.New("the server sent a malformed HTTP response")

// response is a complete HTTP response.
type response struct {
	status int
	body   []byte // borrowed
	last   bool   // the server closes the connection after it
}

// parseResponse reads the first response of b. n is 0 when b does not hold it
// whole. A chunked body is joined in place, so b must be writable.
func parseResponse(b []byte) (r response, n int, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return r, 0, nil
	}
	line, fields, _ := bytes.Cut(b[:end], []byte("\r\n"))
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return r, 0, errMalformed
	}
	if r.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return r, 0, errMalformed
	}
	length, chunked := 0, false
	for len(fields) > 0 {
		var field []byte
		field, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, found := bytes.Cut(field, []byte(":"))
		if !found {
			return r, 0, errMalformed
		}
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return r, 0, errMalformed
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("connection")):
			r.last = bytes.EqualFold(value, []byte("close"))
		}
	}
	body := b[end+4:]
	if chunked {
		r.body, n, err = joinChunks(body)
		if n > 0 {
			n += end + 4
		}
		return r, n, err
	}
	if len(body) < length {
		return r, 0, nil
	}
	r.body = body[:length]
	return r, end + 4 + length, nil
}

// joinChunks decodes a chunked body once all of it is there; n is 0 until then.
func joinChunks(b []byte) (body []byte, n int, err error) {
	type span struct{ from, to int }
	var spans []span
	at := 0
	for {
		end := bytes.Index(b[at:], []byte("\r\n"))
		if end < 0 {
			return nil, 0, nil
		}
		size, err := strconv.ParseUint(string(b[at:at+end]), 16, 31)
		if err != nil {
			return nil, 0, fmt.Errorf("%w: chunk size %q", errMalformed, b[at:at+end])
		}
		at += end + 2
		if at+int(size)+2 > len(b) {
			return nil, 0, nil
		}
		if size == 0 {
			at += 2
			break
		}
		spans = append(spans, span{at, at + int(size)})
		at += int(size) + 2
	}
	body = b[:0]
	for _, s := range spans {
		body = append(body, b[s.from:s.to]...)
	}
	return body, at, nil
}

// response handles the first HTTP response in data; n is 0 until it is whole.
func (c *conn) response(data []byte) (n int, err error) {
	r, n, err := parseResponse(data)
	if n == 0 || err != nil {
		return 0, err
	}
	switch c.role {
	case roleWebSocket, roleProbe:
		if r.status != 101 {
			return 0, fmt.Errorf("the server refused the WebSocket: status %d %.200q", r.status, r.body)
		}
		c.phase = phaseFrames
		if c.role == roleProbe {
			c.client.probe(c)
		}
	case rolePoll:
		c.busy = false
		if r.status != 200 {
			return 0, fmt.Errorf("the server refused a GET: status %d %.200q", r.status, r.body)
		}
		c.client.polled(c, r)
	case rolePost:
		c.busy = false
		if r.status != 200 {
			return 0, fmt.Errorf("the server refused a POST: status %d %.200q", r.status, r.body)
		}
		c.client.posted(c, r)
	}
	return n, nil
}
