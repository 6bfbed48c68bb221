package proxyfields

import (
	"net/netip"
	"strings"
)

// elements splits lists at the separators outside of quotes and returns their
// elements, the last one first. It reads from the end, so that nothing to the
// left of an element, such as a quote that is not closed, can hide it. Empty
// elements are left out (RFC 9110 section 5.6.1).
func elements(lines []string, separator byte) (list []string) {
	for i := len(lines) - 1; i >= 0; i-- {
		line, quoted := lines[i], false
		end := len(line)
		for at := len(line) - 1; at >= -1; at-- {
			switch {
			case at < 0 || line[at] == separator && !quoted:
				if e := strings.Trim(line[at+1:end], " \t"); e != "" {
					list = append(list, e)
				}
				end = at
			case line[at] == '"' && !(quoted && escaped(line[:at])):
				quoted = !quoted
			}
		}
	}
	return list
}

// escaped reports whether what follows s is escaped by a backslash.
func escaped(s string) bool {
	return (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1
}

// parameter returns the named parameter of an element of Forwarded, without
// quotes.
func parameter(element, name string) (value string, ok bool) {
	for _, pair := range elements([]string{element}, ';') {
		if n, v, ok := strings.Cut(pair, "="); ok && strings.EqualFold(strings.TrimSpace(n), name) {
			return unquote(strings.TrimSpace(v)), true
		}
	}
	return "", false
}

// unquote returns what a quoted string stands for, and anything else as it is.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// isHidden reports whether a node of Forwarded is not known, or known to the
// proxy alone (RFC 7239 section 6).
func isHidden(node string) bool {
	return strings.HasPrefix(node, "_") || strings.EqualFold(node, "unknown") ||
		strings.HasPrefix(strings.ToLower(node), "unknown:")
}

// isEncrypted accepts "wss" too, which some proxies write for a WebSocket.
func isEncrypted(scheme string) bool {
	return strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "wss")
}

// parseAddr parses an address with or without a port, an IPv6 one with or
// without brackets. The result is unmapped and has no zone.
func parseAddr(s string) (netip.AddrPort, bool) {
	s = strings.Trim(s, " \t")
	port := uint16(0)
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		var ap netip.AddrPort
		if i := strings.LastIndexByte(s, ':'); i >= 0 && strings.HasPrefix(s[i+1:], "_") {
			s = s[:i] + ":0" // a port that only the proxy knows
		}
		if ap, err = netip.ParseAddrPort(s); err != nil {
			return netip.AddrPort{}, false
		}
		addr, port = ap.Addr(), ap.Port()
	}
	return netip.AddrPortFrom(addr.Unmap().WithZone(""), port), true
}
