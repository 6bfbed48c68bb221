package sio

import (
	"cmp"
	"math"
	"strings"
)

// offset names a recoverable packet of a namespace: when it was emitted, and
// which of that millisecond's packets it is. In text it
// is the time in base 64, and from the second packet on a dot and a count:
//
//	Q84NFIc  Q84NFIc.0  Q84NFIc.1 … Q84NFIc.10
type offset struct {
	ms    uint64 // since 1970
	count uint64 // 0 for the first
}

const offsetDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"

// next is the offset of a packet that is emitted at ms, after o was given out. It
// is greater than o, also when the clock went back.
func (o offset) next(ms uint64) offset {
	if ms > o.ms {
		return offset{ms: ms}
	}
	return offset{o.ms, o.count + 1}
}

// previous is the greatest offset less than o; o itself when there is none.
func (o offset) previous() offset {
	switch {
	case o.count > 0:
		return offset{o.ms, o.count - 1}
	case o.ms > 0:
		return offset{o.ms - 1, math.MaxUint64}
	}
	return o
}

func (o offset) compare(p offset) int {
	return cmp.Or(cmp.Compare(o.ms, p.ms), cmp.Compare(o.count, p.count))
}

func (o offset) appendTo(dst []byte) []byte {
	dst = appendDigits(dst, o.ms)
	if o.count > 0 {
		dst = appendDigits(append(dst, '.'), o.count-1)
	}
	return dst
}

func appendDigits(dst []byte, n uint64) []byte {
	var buf [11]byte
	i := len(buf)
	for ok := true; ok; ok = n > 0 {
		i--
		buf[i] = offsetDigits[n%64]
		n /= 64
	}
	return append(dst, buf[i:]...)
}

// parseOffset is the inverse of appendTo; every offset has one text only.
func parseOffset(s string) (o offset, ok bool) {
	first, second, counted := strings.Cut(s, ".")
	if o.ms, ok = parseDigits(first); ok && counted {
		o.count, ok = parseDigits(second)
		o.count++
	}
	return o, ok
}

func parseDigits(s string) (n uint64, ok bool) {
	if s == "" || len(s) > 10 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	for i := range len(s) {
		d := strings.IndexByte(offsetDigits, s[i])
		if d < 0 {
			return 0, false
		}
		n = n*64 + uint64(d)
	}
	return n, true
}
