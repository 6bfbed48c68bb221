package jsonenc

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s to dst as a JSON string literal in the way of
// JSON.stringify: only quotes, backslashes and control characters are escaped.
// Bytes that are not UTF-8 become U+FFFD. It does not allocate when dst has
// room.
func AppendString[T []byte | string](dst []byte, s T) []byte {
	dst = append(dst, '"')
	for i := 0; ; i++ {
		end := plainEnd(s, i)
		dst = appendValid(dst, s[i:end])
		if i = end; i == len(s) {
			return append(dst, '"')
		}
		dst = appendEscape(dst, s[i])
	}
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
	}
}

// appendValid appends s with U+FFFD for each byte that is not UTF-8.
func appendValid[T []byte | string](dst []byte, s T) []byte {
	if validUTF8(s) {
		return append(dst, s...)
	}
	for _, r := range string(s) {
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

func validUTF8[T []byte | string](s T) bool {
	switch s := any(s).(type) {
	case string:
		return utf8.ValidString(s)
	case []byte:
		return utf8.Valid(s)
	}
	return false
}

// AppendUnquoted appends the text of the JSON string literal at the head of b
// to dst and returns the literal's length. Lone surrogates and bytes that are
// not UTF-8 become U+FFFD. The error is ErrSyntax, and dst comes back unchanged
// then.
func AppendUnquoted(dst, b []byte) (out []byte, n int, err error) {
	if len(b) == 0 || b[0] != '"' {
		return dst, 0, ErrSyntax
	}
	n, ok := skipString(b, 0)
	if !ok {
		return dst, 0, ErrSyntax
	}
	out = dst
	for body := b[1 : n-1]; ; {
		i := plainEnd(body, 0)
		out = appendValid(out, body[:i])
		if i == len(body) {
			return out, n, nil
		}
		body = body[i:]
		if body[1] != 'u' {
			out = append(out, unescaped(body[1]))
			body = body[2:]
			continue
		}
		r := hexRune(body)
		body = body[6:]
		if utf16.IsSurrogate(r) {
			if low := hexRune(body); low >= 0 {
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					body = body[6:]
				}
			}
		}
		out = utf8.AppendRune(out, r)
	}
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	default:
		return c
	}
}

// hexRune returns the code unit of a \uXXXX at the head of b, or -1.
func hexRune(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	r := rune(0)
	for _, c := range b[2:6] {
		d := c - '0'
		if d > 9 {
			d = (c | 0x20) - 'a' + 10
		}
		r = r<<4 | rune(d)
	}
	return r
}

// WellFormed reports whether all text of valid JSON is UTF-8 and no escape is a
// lone surrogate. Decoders put U+FFFD there otherwise.
func WellFormed(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 {
			return true
		}
		b = b[i:]
		r := hexRune(b)
		switch {
		case r < 0:
			b = b[2:]
			continue
		case utf16.IsSurrogate(r) && utf16.DecodeRune(r, hexRune(b[6:])) == utf8.RuneError:
			return false
		case utf16.IsSurrogate(r):
			b = b[6:]
		}
		b = b[6:]
	}
}
