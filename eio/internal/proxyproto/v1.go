package proxyproto

import (
	"bytes"
	"net/netip"
	"strings"
)

var prefixV1 = []byte("PROXY ")

// maxV1 is the longest header of version 1 (section 2.1).
const maxV1 = 107

// parseV1 parses a line (section 2.1):
//
//	PROXY TCP4 192.0.2.1 198.51.100.1 50000 443\r\n
//	PROXY UNKNOWN …\r\n
func parseV1(b []byte) (h Header, n int, err error) {
	line, _, ok := bytes.Cut(b[:min(len(b), maxV1)], []byte("\r\n"))
	if !ok {
		switch {
		case len(b) >= maxV1:
			return Header{}, 0, ErrTooLong
		case bytes.IndexByte(b, '\n') >= 0:
			return Header{}, 0, ErrMalformed
		}
		return Header{}, 0, nil
	}
	n = len(line) + len("\r\n")
	parts := strings.Split(string(line), " ")
	if parts[1] == "UNKNOWN" { // what follows is to be ignored
		return Header{}, n, nil
	}
	if len(parts) != 6 || parts[1] != "TCP4" && parts[1] != "TCP6" {
		return Header{}, 0, ErrMalformed
	}
	source, ok := endpointV1(parts[2], parts[4], parts[1] == "TCP4")
	if _, valid := endpointV1(parts[3], parts[5], parts[1] == "TCP4"); !ok || !valid {
		return Header{}, 0, ErrMalformed
	}
	h.Source = source
	return h, n, nil
}

func endpointV1(address, port string, v4 bool) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Is4() != v4 || a.Zone() != "" {
		return netip.AddrPort{}, false
	}
	p, ok := parsePort(port)
	return netip.AddrPortFrom(a.Unmap(), p), ok
}

// parsePort parses a port without signs and leading zeros.
func parsePort(s string) (port uint16, ok bool) {
	if len(s) == 0 || len(s) > 5 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	v := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return uint16(v), v <= 0xffff
}
