package http1

import (
	"net/http"
	"strconv"
)

// Continue is the whole interim response that lets a peer with Expect:
// 100-continue send its body.
const Continue = "HTTP/1.1 100 Continue\r\n\r\n"

// LastChunk ends a body of chunks written by [AppendChunk].
const LastChunk = "0\r\n\r\n"

// Field is a header field of a response.
type Field struct {
	Name, Value string
}

// AppendStatusLine appends the status line of HTTP/1.1, CRLF included.
func AppendStatusLine(dst []byte, status int) []byte {
	if status == http.StatusOK {
		return append(dst, "HTTP/1.1 200 OK\r\n"...)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, http.StatusText(status)...)
	return append(dst, "\r\n"...)
}

// AppendHeader appends one field line, CRLF included. Bytes that a field can't
// have are replaced, '-' in the name and a space in the value, so that neither
// can end the line or add another.
func AppendHeader(dst []byte, name, value string) []byte {
	dst = appendClean(dst, name, classToken, '-')
	dst = append(dst, ": "...)
	dst = appendClean(dst, value, classValue, ' ')
	return append(dst, "\r\n"...)
}

func appendClean(dst []byte, s string, bit, instead byte) []byte {
	from := len(dst)
	dst = append(dst, s...)
	for i, c := range dst[from:] {
		if class[c]&bit == 0 {
			dst[from+i] = instead
		}
	}
	return dst
}

// AppendLength appends a Content-Length line for a body of n bytes.
func AppendLength(dst []byte, n int) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, "\r\n"...)
}

// AppendConnection appends the Connection line. It is written for keep-alive
// too, because HTTP/1.0 peers need it.
func AppendConnection(dst []byte, keepAlive bool) []byte {
	if keepAlive {
		return append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, "Connection: close\r\n"...)
}

// AppendResponse appends a whole response: status line, Content-Type unless
// empty, Content-Length except for 304, the extra fields in order, Connection,
// and the body.
func AppendResponse(dst []byte, status int, contentType string, body []byte, keepAlive bool, extra ...Field) []byte {
	dst = AppendStatusLine(dst, status)
	if contentType != "" {
		dst = AppendHeader(dst, "Content-Type", contentType)
	}
	if status != http.StatusNotModified {
		dst = AppendLength(dst, len(body))
	}
	for _, f := range extra {
		dst = AppendHeader(dst, f.Name, f.Value)
	}
	dst = AppendConnection(dst, keepAlive)
	dst = append(dst, "\r\n"...)
	return append(dst, body...)
}

// AppendChunk appends data as one chunk of a body with Transfer-Encoding:
// chunked. Empty data appends nothing, because an empty chunk would end the
// body.
func AppendChunk(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	dst = strconv.AppendInt(dst, int64(len(data)), 16)
	dst = append(dst, "\r\n"...)
	dst = append(dst, data...)
	return append(dst, "\r\n"...)
}
