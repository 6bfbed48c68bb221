package engineio

import "github.com/sioserver/sioserver/codec/jsonenc"

// AppendJSONP appends the script that carries payload to a JSONP client: a call
// of the callback that index names, with the payload as a string literal. index
// is the handshake's parameter j, of which only the digits count.
func AppendJSONP(dst []byte, index string, payload []byte) []byte {
	dst = append(dst, "___eio["...)
	for _, c := range []byte(index) {
		if c-'0' <= 9 {
			dst = append(dst, c)
		}
	}
	dst = append(dst, "]("...)
	start := len(dst)
	dst = jsonenc.AppendString(dst, payload)
	return append(escapeLineSeparators(dst, start), ");"...)
}

// escapeLineSeparators escapes U+2028 and U+2029 in dst[start:]: JSON allows
// them, old scripts do not.
func escapeLineSeparators(dst []byte, start int) []byte {
	found := 0
	for i := start; i+2 < len(dst); i++ {
		if isLineSeparator(dst[i:]) {
			found++
		}
	}
	// Each grows from three bytes to the six of its escape. Moving them from
	// the end overwrites no byte that is still to be read.
	from := len(dst)
	for range found {
		dst = append(dst, 0, 0, 0)
	}
	for to := len(dst); to > from; {
		from--
		to--
		dst[to] = dst[from]
		if from >= 2 && dst[from-2] == 0xe2 && isLineSeparator(dst[from-2:from+1]) {
			digit := '8' + dst[from] - 0xa8
			from, to = from-2, to-5
			copy(dst[to:], `\u202`)
			dst[to+5] = digit
		}
	}
	return dst
}

func isLineSeparator(b []byte) bool {
	return b[0] == 0xe2 && b[1] == 0x80 && (b[2] == 0xa8 || b[2] == 0xa9)
}

// UnescapeJSONP decodes, in place, the field d of a JSONP client's form. The
// client escapes line feeds, which some browsers rewrite: a backslash and n
// become a line feed, two backslashes and n become a backslash and n.
func UnescapeJSONP(b []byte) []byte {
	n := 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '\\' && i+1 < len(b) && b[i+1] == 'n' {
			c = '\n'
			i++
		} else if c == '\\' && i+2 < len(b) && b[i+1] == '\\' && b[i+2] == 'n' {
			i++
		}
		b[n] = c
		n++
	}
	return b[:n]
}
