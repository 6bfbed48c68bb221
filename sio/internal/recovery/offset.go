package recovery

import (
	"cmp"
	"math"
	"strings"
)

// Offset names a recoverable packet of a namespace: when it was emitted, in
// milliseconds since 1970, and which of that millisecond's packets it is. A
// server without an adapter writes the time in base 64, and from the second
// packet on a dot and a count:
//
//	Q84NFIc  Q84NFIc.0  Q84NFIc.1 … Q84NFIc.10
//
// An adapter writes offsets as Redis writes the IDs of a stream's entries: see
// [ParseEntryID].
type Offset struct {
	ms    uint64
	count uint64 // 0 for the first
}

const offsetDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"

// Next is the offset of a packet that is emitted at ms, after o was given out.
// It is greater than o, also when the clock went back.
func (o Offset) Next(ms uint64) Offset {
	if ms > o.ms {
		return Offset{ms: ms}
	}
	return Offset{o.ms, o.count + 1}
}

// previous is the greatest offset less than o; o itself when there is none.
func (o Offset) previous() Offset {
	switch {
	case o.count > 0:
		return Offset{o.ms, o.count - 1}
	case o.ms > 0:
		return Offset{o.ms - 1, math.MaxUint64}
	}
	return o
}

// Compare returns -1, 0 or 1.
func (o Offset) Compare(p Offset) int {
	return cmp.Or(cmp.Compare(o.ms, p.ms), cmp.Compare(o.count, p.count))
}

// AppendTo appends the offset as a server without an adapter writes it.
func (o Offset) AppendTo(dst []byte) []byte {
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

// ParseOffset is the inverse of AppendTo; every Offset has one text only.
func ParseOffset(s string) (o Offset, ok bool) {
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

// ParseEntryID reads an offset as adapters write it: two numbers of 64 bits
// with a dash between them.
func ParseEntryID(s string) (o Offset, ok bool) {
	ms, count, _ := strings.Cut(s, "-")
	if o.ms, ok = parseDecimal(ms); ok {
		o.count, ok = parseDecimal(count)
	}
	return o, ok
}

func parseDecimal(s string) (n uint64, ok bool) {
	if s == "" || len(s) > 20 {
		return 0, false
	}
	for i := range len(s) {
		d := uint64(s[i] - '0')
		if d > 9 || n > math.MaxUint64/10 || n*10 > math.MaxUint64-d {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}
