package http1

import (
	"bytes"
	"iter"

	"github.com/sioserver/sioserver/codec/engineio"
)

// QueryValue returns the decoded value of key in raw, a query string or a form
// body (decoded as in [Query]); of repeated keys the last value. The value is a
// view of raw (borrowed) when nothing in it is escaped, and only otherwise
// allocated. key must be valid UTF-8.
func QueryValue(raw []byte, key string) (value []byte, ok bool) {
	for len(raw) > 0 {
		i := bytes.LastIndexByte(raw, '&')
		name, v, _ := bytes.Cut(raw[i+1:], []byte{'='})
		if i+1 < len(raw) && nameIs(name, key) {
			return unescape(v), true
		}
		raw = raw[:max(i, 0)]
	}
	return nil, false
}

// Query yields the decoded pairs of raw in order, by the rules of
// application/x-www-form-urlencoded (WHATWG URL section 5.1): '+' is a space, a
// '%' without two hexadecimal digits stands for itself, invalid UTF-8 becomes
// U+FFFD, empty pieces are skipped, and a name without '=' has the empty value.
// The pairs are views of raw (borrowed) where nothing is escaped.
func Query(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for len(raw) > 0 {
			var piece []byte
			piece, raw, _ = bytes.Cut(raw, []byte{'&'})
			if len(piece) == 0 {
				continue
			}
			name, value, _ := bytes.Cut(piece, []byte{'='})
			if !yield(unescape(name), unescape(value)) {
				return
			}
		}
	}
}

// nameIs reports whether the escaped name stands for key, without allocating.
func nameIs(name []byte, key string) bool {
	for len(name) > 0 {
		if len(key) == 0 {
			return false
		}
		c, n := unescapeByte(name)
		if c != key[0] {
			return false
		}
		name, key = name[n:], key[1:]
	}
	return len(key) == 0
}

// unescapeByte decodes the first byte of b, which is not empty, and returns how
// many bytes stood for it.
func unescapeByte(b []byte) (c byte, n int) {
	switch {
	case b[0] == '+':
		return ' ', 1
	case b[0] == '%' && len(b) > 2 && class[b[1]]&class[b[2]]&classHex != 0:
		return unhex(b[1])<<4 | unhex(b[2]), 3
	}
	return b[0], 1
}

func unescape(b []byte) []byte {
	if bytes.IndexByte(b, '%') >= 0 || bytes.IndexByte(b, '+') >= 0 {
		out := make([]byte, 0, len(b))
		for len(b) > 0 {
			c, n := unescapeByte(b)
			out, b = append(out, c), b[n:]
		}
		b = out
	}
	return engineio.ToValidText(b)
}
