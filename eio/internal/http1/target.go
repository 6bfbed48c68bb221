package http1

import (
	"bytes"
	"net/netip"
)

// splitTarget fills in Path, RawQuery and, for an absolute-form target, Host
// (RFC 9112 section 3.2).
func (r *Request) splitTarget() error {
	t := r.Target
	switch {
	case string(r.Method) == "CONNECT":
		return ErrConnect
	case string(t) == "*":
		if string(r.Method) != "OPTIONS" {
			return ErrTarget
		}
		r.Path = t
		return nil
	case t[0] != '/':
		scheme, rest, ok := bytes.Cut(t, []byte("://"))
		if !ok || !equalFold(scheme, "http") && !equalFold(scheme, "https") {
			return ErrTarget
		}
		end := bytes.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		if !validAuthority(rest[:end]) {
			return ErrTarget
		}
		r.Host, t = rest[:end:end], rest[end:]
	}
	path, query, _ := bytes.Cut(t, []byte{'?'})
	if len(path) == 0 {
		path = []byte{'/'}
	}
	for i, c := range path {
		if c == '%' && (i+2 >= len(path) || class[path[i+1]]&class[path[i+2]]&classHex == 0) {
			return ErrTarget
		}
	}
	r.Path, r.RawQuery = path, query
	return nil
}

// validAuthority accepts a name or an IP address and an optional port, but no
// user information.
func validAuthority(a []byte) bool {
	host := a
	if colon := bytes.LastIndexByte(a, ':'); colon >= 0 && bytes.IndexByte(a[colon:], ']') < 0 {
		for _, c := range a[colon+1:] {
			if !digit(c) {
				return false
			}
		}
		host = a[:colon]
	}
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		ip, err := netip.ParseAddr(string(host[1 : n-1]))
		return err == nil && ip.Is6() && ip.Zone() == ""
	}
	for _, c := range host {
		if class[c]&classHost == 0 || c == '[' || c == ']' || c == ':' || c == '%' {
			return false
		}
	}
	return len(host) > 0
}
