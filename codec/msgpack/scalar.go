package msgpack

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

// AppendMapHeader appends the head of a map of n pairs, n from 0 to 1<<32-1;
// the pairs follow, the key first.
func AppendMapHeader(dst []byte, n int) []byte {
	if n < 16 {
		return append(dst, 0x80|byte(n))
	}
	return appendWide(dst, codeMap16, n)
}

// setMapHeader changes the head at the start of b, made for as many pairs or
// more, to n.
func setMapHeader(b []byte, n int) {
	switch b[0] {
	case codeMap16:
		binary.BigEndian.PutUint16(b[1:], uint16(n))
	case codeMap32:
		binary.BigEndian.PutUint32(b[1:], uint32(n))
	default:
		b[0] = 0x80 | byte(n)
	}
}

// AppendArrayHeader appends the head of an array of n items, n from 0 to
// 1<<32-1; the items follow.
func AppendArrayHeader(dst []byte, n int) []byte {
	if n < 16 {
		return append(dst, 0x90|byte(n))
	}
	return appendWide(dst, codeArray16, n)
}

// AppendString appends s, bytes that are not UTF-8 as U+FFFD. It has to be
// shorter than 4 GiB.
func AppendString[T []byte | string](dst []byte, s T) []byte {
	b := append(appendStringHeader(dst, len(s)), s...)
	if text := b[len(b)-len(s):]; !utf8.Valid(text) {
		valid := validText(text)
		return append(appendStringHeader(dst, len(valid)), valid...)
	}
	return b
}

// AppendBinary appends b as bin; nil is an empty one. It has to be shorter than
// 4 GiB.
func AppendBinary(dst, b []byte) []byte {
	if len(b) <= math.MaxUint8 {
		dst = append(dst, codeBin8, byte(len(b)))
	} else {
		dst = appendWide(dst, codeBin8+1, len(b))
	}
	return append(dst, b...)
}

// AppendInt appends i in the smallest form that holds it.
func AppendInt(dst []byte, i int64) []byte {
	switch {
	case i >= 0:
		return AppendUint(dst, uint64(i))
	case i >= -32:
		return append(dst, byte(i))
	case i >= math.MinInt8:
		return append(dst, codeInt8, byte(i))
	case i >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, codeInt16), uint16(i))
	case i >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, codeInt32), uint32(i))
	default:
		return binary.BigEndian.AppendUint64(append(dst, codeInt64), uint64(i))
	}
}

// AppendUint appends u in the smallest form that holds it.
func AppendUint(dst []byte, u uint64) []byte {
	switch {
	case u < 0x80:
		return append(dst, byte(u))
	case u <= math.MaxUint8:
		return append(dst, codeUint8, byte(u))
	case u <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, codeUint16), uint16(u))
	case u <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, codeUint32), uint32(u))
	default:
		return binary.BigEndian.AppendUint64(append(dst, codeUint64), u)
	}
}

// AppendFloat appends f: as an integer if it is one that 64 bits hold, -0 as 0,
// else as a float64.
func AppendFloat(dst []byte, f float64) []byte {
	switch h := (head{kind: kindFloat, bits: math.Float64bits(f)}).whole(); h.kind {
	case kindUint:
		return AppendUint(dst, h.bits)
	case kindInt:
		return AppendInt(dst, int64(h.bits))
	default:
		return binary.BigEndian.AppendUint64(append(dst, codeFloat64), h.bits)
	}
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, codeTrue)
	}
	return append(dst, codeFalse)
}

func appendStringHeader(dst []byte, n int) []byte {
	switch {
	case n < 32:
		return append(dst, 0xa0|byte(n))
	case n <= math.MaxUint8:
		return append(dst, codeStr8, byte(n))
	default:
		return appendWide(dst, codeStr8+1, n)
	}
}

// appendWide appends the code and n in 16 bits, or the code after it and n in
// 32.
func appendWide(dst []byte, code byte, n int) []byte {
	if n <= math.MaxUint16 {
		return binary.BigEndian.AppendUint16(append(dst, code), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, code+1), uint32(n))
}

// dateForm is how dates are written: readers of the one don't know the other.
type dateForm uint8

const (
	timestampDates dateForm = iota // the extension -1 of the MessagePack specification
	notepackDates                  // what the parser's JavaScript side reads: milliseconds
)

func appendTime(dst []byte, t time.Time, form dateForm) []byte {
	if form == notepackDates {
		return binary.BigEndian.AppendUint64(append(dst, codeFixExt8, extNotepack), uint64(t.UnixMilli()))
	}
	const ext = 0x100 + extTimestamp
	sec, nsec := t.Unix(), uint64(t.Nanosecond())
	switch {
	case uint64(sec)>>34 != 0:
		dst = binary.BigEndian.AppendUint32(append(dst, codeExt8, 12, ext), uint32(nsec))
		return binary.BigEndian.AppendUint64(dst, uint64(sec))
	case nsec != 0 || sec > math.MaxUint32:
		return binary.BigEndian.AppendUint64(append(dst, codeFixExt8, ext), nsec<<34|uint64(sec))
	default:
		return binary.BigEndian.AppendUint32(append(dst, codeFixExt4, ext), uint32(sec))
	}
}

// checkYear refuses years that JSON, as encoding/json writes it, has no form
// for.
func checkYear(t time.Time) error {
	if year := t.Year(); year < 0 || year > 9999 {
		return fmt.Errorf("%w: a date in the year %d", ErrUnsupported, year)
	}
	return nil
}

// readTime returns the date with the head h, in UTC. It refuses what appendTime
// of an encoder does, so that whatever is decoded can be encoded.
func readTime(h head, content []byte) (time.Time, error) {
	t, err := unpackTime(h, content)
	if err == nil {
		err = checkYear(t)
	}
	return t, err
}

func unpackTime(h head, content []byte) (time.Time, error) {
	var sec, nsec uint64
	switch {
	case h.ext == extNotepack:
		return time.UnixMilli(int64(binary.BigEndian.Uint64(content))).UTC(), nil
	case h.n == 4:
		sec = uint64(binary.BigEndian.Uint32(content))
	case h.n == 8:
		v := binary.BigEndian.Uint64(content)
		sec, nsec = v&(1<<34-1), v>>34
	default:
		nsec, sec = uint64(binary.BigEndian.Uint32(content)), binary.BigEndian.Uint64(content[4:])
	}
	if nsec >= 1e9 {
		return time.Time{}, ErrMalformed
	}
	return time.Unix(int64(sec), int64(nsec)).UTC(), nil
}
