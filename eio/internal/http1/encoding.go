package http1

import "bytes"

// Encoding returns the content coding for a response to a request with this
// Accept-Encoding value (borrowed): of the offered codings, lower-case and in
// the server's order, the one with the highest quality. Of equal ones, a coding
// that is named comes before one that only "*" permits, then the order of the
// header decides, then that of the offer. Quality 0 excludes a coding. "" means
// that none is permitted: the body is then sent as it is. (RFC 9110 section
// 12.5.3, Engine.IO section 6.)
func Encoding(accept []byte, offered ...string) string {
	best, choice := preference{}, ""
	for _, coding := range offered {
		if p := prefer(accept, coding); p.quality > 0 && (choice == "" || p.over(best)) {
			best, choice = p, coding
		}
	}
	return choice
}

// preference is how much an Accept-Encoding value wants one coding.
type preference struct {
	quality int // thousandths
	named   bool
	order   int
}

func (p preference) over(q preference) bool {
	if p.quality != q.quality {
		return p.quality > q.quality
	}
	if p.named != q.named {
		return p.named
	}
	return p.order < q.order
}

// prefer returns the preference for coding by the element of accept that names
// it, or else by "*".
func prefer(accept []byte, coding string) (p preference) {
	for order := 0; len(accept) > 0; order++ {
		var element []byte
		element, accept, _ = bytes.Cut(accept, []byte{','})
		name, params, _ := bytes.Cut(element, []byte{';'})
		name = trim(name)
		named := equalFold(name, coding)
		if !named && (string(name) != "*" || p.named) {
			continue
		}
		// Of two elements that name it, the one with the higher quality counts.
		if q := quality(params); named && !p.named || q > p.quality {
			p = preference{q, named, order}
		}
	}
	return p
}

// quality returns the q parameter in thousandths: 1000 when there is none, 0
// when it is malformed.
func quality(params []byte) int {
	for len(params) > 0 {
		var param []byte
		param, params, _ = bytes.Cut(params, []byte{';'})
		name, value, _ := bytes.Cut(param, []byte{'='})
		if !equalFold(trim(name), "q") {
			continue
		}
		value = trim(value)
		if len(value) == 0 || len(value) > 5 || value[0] > '1' || len(value) > 1 && value[1] != '.' {
			return 0
		}
		n := 0
		for i := range 5 {
			c := byte('0')
			if i < len(value) {
				c = value[i]
			}
			if i == 1 {
				continue
			}
			if !digit(c) {
				return 0
			}
			n = n*10 + int(c-'0')
		}
		return min(n, 1000)
	}
	return 1000
}
