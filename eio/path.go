package eio

import (
	"fmt"
	"strings"
)

// checkPath refuses a Config.Path with which no request's path can begin.
func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("eio: Config.Path is %q; it must begin with a slash", path)
	}
	if escaped := escapePath(path); escaped != path {
		return fmt.Errorf("eio: Config.Path is %q; it must be as clients send it, escaped: %q", path, escaped)
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return fmt.Errorf("eio: Config.Path is %q; it must not have the segment %q, which clients resolve", path, segment)
		}
	}
	return nil
}

// escapePath escapes the bytes that a URL's path can't have unescaped (RFC 3986
// section 3.3), and leaves escapes as they are.
func escapePath(path string) string {
	const hex = "0123456789ABCDEFabcdef"
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		isEscape := c == '%' && i+2 < len(path) && strings.IndexByte(hex, path[i+1]) >= 0 && strings.IndexByte(hex, path[i+2]) >= 0
		if isEscape || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~!$&'()*+,;=:@/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// originForm returns target without the scheme and the authority of the
// absolute form (RFC 9112 section 3.2.2).
func originForm(target string) string {
	if strings.HasPrefix(target, "/") {
		return target
	}
	_, rest, ok := strings.Cut(target, "://")
	if !ok {
		return target
	}
	end := strings.IndexAny(rest, "/?")
	switch {
	case end < 0:
		return "/"
	case rest[end] == '?':
		return "/" + rest[end:]
	}
	return rest[end:]
}
