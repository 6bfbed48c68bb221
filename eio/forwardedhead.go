package eio

import (
	"bytes"
	"net"
	"net/http"
	"strings"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// forwardedField marks a request that one node has passed on to another.
const forwardedField = "Sioserver-Forwarded"

// forwardable reports whether req may be passed on: once only. A preflight
// belongs to no session, whatever its target names.
func forwardable(req *http1.Request) bool {
	return string(req.Method) != http.MethodOptions && req.Header(forwardedField) == nil
}

// appendForwarded appends the head of req as another node gets it, up to the
// length of the body and the blank line. It leaves out the fields that concern
// only the connection on which req came (RFC 9110 section 7.6.1) and adds the
// peer's address.
func appendForwarded(dst []byte, req *http1.Request, upgrade bool, peer string, encrypted bool) []byte {
	dst = append(dst, req.Method...)
	dst = append(dst, ' ')
	dst = append(dst, req.Target...)
	dst = append(dst, " HTTP/1.1\r\n"...)
	dst = http1.AppendHeader(dst, "Host", string(req.Host))
	named := connectionOptions(req)
	for name, value := range req.Headers() {
		if !hopByHop(name, named, upgrade) {
			dst = append(dst, name...)
			dst = append(dst, ": "...)
			dst = append(dst, value...)
			dst = append(dst, "\r\n"...)
		}
	}
	if upgrade { // the tunnel carries this exchange only, whatever the answer
		dst = http1.AppendHeader(dst, "Connection", "Upgrade, close")
	}
	return appendForwardedFields(dst, peer, encrypted)
}

// openHead returns a whole head without its blank line.
func openHead(head []byte) []byte { return head[:len(head)-len("\r\n")] }

// appendForwardedFields appends the fields that name the peer and say whether
// its connection was encrypted.
func appendForwardedFields(dst []byte, peer string, encrypted bool) []byte {
	dst = http1.AppendHeader(dst, forwardedField, "1")
	proto := "http"
	if encrypted {
		proto = "https"
	}
	dst = http1.AppendHeader(dst, "X-Forwarded-Proto", proto)
	return http1.AppendHeader(dst, "X-Forwarded-For", peer)
}

// connectionOptions returns the names in the Connection fields of req, in lower
// case; nil when there are none but the usual ones.
func connectionOptions(req *http1.Request) (named map[string]struct{}) {
	for field, value := range req.Headers() {
		if !isOneOf(field, "Connection") {
			continue
		}
		for token := range bytes.SplitSeq(value, []byte{','}) {
			token = bytes.TrimSpace(token)
			if len(token) == 0 || isOneOf(token, "close", "keep-alive", "upgrade") {
				continue
			}
			if named == nil {
				named = make(map[string]struct{})
			}
			named[strings.ToLower(string(token))] = struct{}{}
		}
	}
	return named
}

// hopByHop reports whether the field concerns only the connection or the
// framing.
func hopByHop(name []byte, named map[string]struct{}, upgrade bool) bool {
	if isOneOf(name, "Upgrade") {
		return !upgrade
	}
	if isOneOf(name, "Host", "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Content-Length", "Expect") {
		return true
	}
	if named == nil {
		return false
	}
	_, ok := named[strings.ToLower(string(name))]
	return ok
}

func isOneOf(name []byte, fields ...string) bool {
	for _, f := range fields {
		if strings.EqualFold(string(name), f) {
			return true
		}
	}
	return false
}

// hostOf returns the host of an address that may have a port.
func hostOf(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}
