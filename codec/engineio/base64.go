package engineio

import "encoding/base64"

// sextets maps a character of either base64 alphabet to its six bits, others to
// notSextet.
var sextets = func() (t [256]byte) {
	for i := range t {
		t[i] = notSextet
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	t['-'], t['_'] = 62, 63
	return t
}()

const notSextet = 0xff

// decodeBase64 decodes b in place and returns the decoded head of b. It accepts
// what Node's Buffer.from accepts: both alphabets, with or without padding. It
// skips other characters and stops at the first '='.
func decodeBase64(b []byte) []byte {
	n, i := 0, 0
	for i+4 <= len(b) {
		s0, s1, s2, s3 := sextets[b[i]], sextets[b[i+1]], sextets[b[i+2]], sextets[b[i+3]]
		if (s0|s1|s2|s3)&0x80 != 0 {
			break
		}
		b[n], b[n+1], b[n+2] = s0<<2|s1>>4, s1<<4|s2>>2, s2<<6|s3
		n, i = n+3, i+4
	}
	bits, held := uint(0), 0
	for ; i < len(b) && b[i] != '='; i++ {
		s := sextets[b[i]]
		if s == notSextet {
			continue
		}
		bits, held = bits<<6|uint(s), held+6
		if held >= 8 {
			held -= 8
			b[n] = byte(bits >> held)
			n++
		}
	}
	return b[:n:n]
}

func appendBase64(dst, src []byte) []byte {
	return base64.StdEncoding.AppendEncode(dst, src)
}
