package engineio

import "unicode/utf8"

// ToValidText returns b with each maximal ill-formed part replaced by U+FFFD,
// as a browser's TextDecoder does, except that it keeps byte order marks. It
// returns valid text as it is, without a copy; otherwise the result is a new
// slice.
func ToValidText(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	out := make([]byte, 0, len(b)+len(b)/2)
	for len(b) > 0 {
		_, size := utf8.DecodeRune(b)
		if size > 1 || b[0] < utf8.RuneSelf {
			out = append(out, b[:size]...)
			b = b[size:]
			continue
		}
		out = utf8.AppendRune(out, utf8.RuneError)
		b = b[illFormedLen(b):]
	}
	return out
}

// illFormedLen returns the length of the maximal ill-formed part at the head of
// b: the bytes that could still have become a character, or one byte.
func illFormedLen(b []byte) int {
	lo, hi, size := byte(0x80), byte(0xbf), 0
	switch c := b[0]; {
	case c >= 0xc2 && c <= 0xdf:
		size = 2
	case c >= 0xe0 && c <= 0xef:
		size = 3
		if c == 0xe0 {
			lo = 0xa0
		} else if c == 0xed {
			hi = 0x9f
		}
	case c >= 0xf0 && c <= 0xf4:
		size = 4
		if c == 0xf0 {
			lo = 0x90
		} else if c == 0xf4 {
			hi = 0x8f
		}
	default:
		return 1
	}
	n := 1
	for n < size && n < len(b) && b[n] >= lo && b[n] <= hi {
		lo, hi = 0x80, 0xbf
		n++
	}
	return n
}

// utf16Len returns how many UTF-16 code units the text b takes.
func utf16Len(b []byte) int {
	n := 0
	for _, c := range b {
		if c&0xc0 != 0x80 {
			n++
		}
		if c >= 0xf0 {
			n++
		}
	}
	return n
}

// utf16Prefix returns the length in bytes of the first units UTF-16 code units
// of b; ok is false when b is shorter or the cut would split a character.
func utf16Prefix(b []byte, units int) (end int, ok bool) {
	for units > 0 && end < len(b) {
		if b[end] < utf8.RuneSelf {
			end++
			units--
			continue
		}
		r, size := utf8.DecodeRune(b[end:])
		end += size
		units--
		if r > 0xffff {
			units--
		}
	}
	return end, units == 0
}
