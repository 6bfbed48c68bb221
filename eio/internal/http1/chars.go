package http1

// Character classes (RFC 9110 sections 5.6.2 and 5.5, RFC 3986), one table
// lookup for each byte.
const (
	classToken  = 1 << iota // tchar
	classValue              // HTAB, SP, VCHAR, obs-text
	classTarget             // VCHAR and obs-text, which clients send unencoded
	classHost               // what a Host field can hold: reg-name, IP literals, port
	classHex
)

var class = func() (t [256]byte) {
	mark := func(chars string, bit byte) {
		for i := range len(chars) {
			t[chars[i]] |= bit
		}
	}
	const alnum = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	mark(alnum+"!#$%&'*+-.^_`|~", classToken)
	mark(alnum+"-._~!$&'()*+,;=:%[]", classHost)
	mark("0123456789ABCDEFabcdef", classHex)
	for c := 0x21; c < 256; c++ {
		if c != 0x7f {
			t[c] |= classValue | classTarget
		}
	}
	mark("\t ", classValue)
	return t
}()

// IsTokenChar reports whether c may stand in a token (RFC 9110 section 5.6.2).
func IsTokenChar(c byte) bool { return class[c]&classToken != 0 }

// IsToken reports whether b is a token (RFC 9110 section 5.6.2).
func IsToken(b []byte) bool { return len(b) > 0 && all(b, classToken) }

// all reports whether every byte of b is in the class.
func all(b []byte, bit byte) bool {
	for _, c := range b {
		if class[c]&bit == 0 {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// equalFold compares b and s without regard to ASCII case.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range len(s) {
		if b[i] != s[i] && lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

// trim cuts optional white space (OWS) from both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
