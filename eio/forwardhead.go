package eio

import (
	"bytes"
	"net"
	"net/http"
	"strings"

	"github.com/sioserver/sioserver/eio/http1"
)

// forwardedField marks what one node has passed on to another.
const forwardedField = "Sioserver-Forwarded"

// forwardable reports whether req may be passed on: not twice. Preflights are
// about no session, whatever they name.
func forwardable(req *http1.Request) bool {
	return string(req.Method) != http.MethodOptions && req.Header(forwardedField) == nil
}

// appendForwarded appends the head of req as another node gets it, up to the length
// of the body and the blank line: without what concerned only the connection that
// it came by (RFC 9110 section 7.6.1), whose peer it tells.
func appendForwarded(dst []byte, req *http1.Request, upgrade bool, peer string) []byte {
	dst = append(dst, req.Method...)
	dst = append(dst, ' ')
	dst = append(dst, req.Target...)
	dst = append(dst, " HTTP/1.1\r\n"...)
	dst = http1.AppendHeader(dst, "Host", string(req.Host))
	for name, value := range req.Headers() {
		if !hopByHop(req, name, upgrade) {
			dst = append(dst, name...)
			dst = append(dst, ": "...)
			dst = append(dst, value...)
			dst = append(dst, "\r\n"...)
		}
	}
	if upgrade {
		dst = http1.AppendHeader(dst, "Connection", "Upgrade")
	}
	return appendForwardedFields(dst, peer)
}

func appendForwardedFields(dst []byte, peer string) []byte {
	dst = http1.AppendHeader(dst, forwardedField, "1")
	return http1.AppendHeader(dst, "X-Forwarded-For", peer)
}

// hopByHop reports whether the field is about the connection or the framing.
func hopByHop(req *http1.Request, name []byte, upgrade bool) bool {
	switch {
	case bytes.EqualFold(name, []byte("Upgrade")):
		return !upgrade
	case isOneOf(name, "Host", "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Content-Length", "Expect"):
		return true
	}
	for field, value := range req.Headers() {
		if !isOneOf(field, "Connection") {
			continue
		}
		for token := range bytes.SplitSeq(value, []byte{','}) {
			if bytes.EqualFold(bytes.TrimSpace(token), name) {
				return true
			}
		}
	}
	return false
}

func isOneOf(name []byte, fields ...string) bool {
	for _, f := range fields {
		if strings.EqualFold(string(name), f) {
			return true
		}
	}
	return false
}

// hostOf is the host of an address that may have a port.
func hostOf(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}
