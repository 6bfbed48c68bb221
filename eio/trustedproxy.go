package eio

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// encrypted reports whether r came encrypted to this server, or to a proxy of
// Config.TrustedProxies.
func (h *httpConn) encrypted(r *http1.Request) bool {
	if h.secure {
		return true
	}
	if !h.home.srv.trusts(h.c.RemoteAddr().Addr()) {
		return false
	}
	var proto, forwarded string
	for name, value := range r.Headers() {
		switch {
		case isOneOf(name, "X-Forwarded-Proto"):
			proto = string(value)
		case isOneOf(name, "Forwarded"):
			forwarded = string(value)
		}
	}
	return saysEncrypted(proto, forwarded)
}

// encryptedHTTP is encrypted for a request of net/http.
func (srv *Server) encryptedHTTP(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	peer, _ := netip.ParseAddr(hostOf(r.RemoteAddr))
	return srv.trusts(peer.Unmap()) && saysEncrypted(last(r.Header["X-Forwarded-Proto"]), last(r.Header["Forwarded"]))
}

func (srv *Server) trusts(proxy netip.Addr) bool {
	for _, p := range srv.cfg.TrustedProxies {
		if p.Contains(proxy) {
			return true
		}
	}
	return false
}

// saysEncrypted judges the last X-Forwarded-Proto and Forwarded (RFC 7239)
// fields of a request, which are "" where there is none. The proxy writes the
// last element of a list; earlier ones may come from the client. If there are
// both fields, the client may have written one of them, so both must say the
// same.
func saysEncrypted(proto, forwarded string) bool {
	if proto == "" && forwarded == "" {
		return false
	}
	return (proto == "" || isEncrypted(last(split(proto, ',')))) &&
		(forwarded == "" || isEncrypted(protoOf(last(split(forwarded, ',')))))
}

// isEncrypted accepts "wss" too, which some proxies write for a WebSocket.
func isEncrypted(scheme string) bool {
	return strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "wss")
}

// protoOf returns the proto parameter of an element of a Forwarded field.
func protoOf(element string) string {
	for _, pair := range split(element, ';') {
		if name, value, ok := strings.Cut(pair, "="); ok && strings.EqualFold(name, "proto") {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

// split cuts a list at the separators outside of quotes. It returns nil if a
// quote is not closed: a client could otherwise hide what the proxy has added.
func split(list string, separator byte) (parts []string) {
	start, quoted := 0, false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == separator && !quoted:
			parts = append(parts, strings.Trim(list[start:i], " \t"))
			start = i + 1
		}
	}
	if quoted {
		return nil
	}
	return append(parts, strings.Trim(list[start:], " \t"))
}

func last(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return parts[len(parts)-1]
}
