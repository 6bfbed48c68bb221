package jsonenc

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// MaxDepth is the deepest nesting of arrays and objects that Skip, Valid,
// Append and Unmarshal accept.
const MaxDepth = 4095

var (
	// ErrSyntax is returned for bytes that are not JSON.
	ErrSyntax = errors.New("jsonenc: invalid JSON")
	// ErrTooDeep is returned for values nested deeper than MaxDepth.
	ErrTooDeep = errors.New("jsonenc: nested too deeply")
)

// Valid reports whether b is one JSON value, with white space around it at
// most, nested no deeper than MaxDepth. Like Skip it does not look at UTF-8.
func Valid(b []byte) bool {
	n, err := Skip(b)
	return err == nil && skipSpace(b, n) == len(b)
}

// Skip returns the length of the JSON value at the head of b, white space
// before it included. The value is checked against the grammar to its end;
// what follows is not looked at, nor is the UTF-8 of strings. The errors are
// ErrSyntax and ErrTooDeep. It does not allocate, and its stack does not grow
// with the nesting.
func Skip(b []byte) (n int, err error) {
	var objects [MaxDepth/64 + 1]uint64 // a bit for each open container: is it an object
	depth, ok := 0, true
	i := 0
value:
	for {
		i = skipSpace(b, i)
		if i == len(b) {
			return 0, ErrSyntax
		}
		switch c := b[i]; c {
		case '"':
			i, ok = skipString(b, i)
		case '{', '[':
			if depth == MaxDepth {
				return 0, ErrTooDeep
			}
			i = skipSpace(b, i+1)
			if i < len(b) && b[i] == c+2 {
				i++
				break
			}
			bit := uint64(1) << (depth % 64)
			if c == '{' {
				objects[depth/64] |= bit
				i, ok = skipKey(b, i)
			} else {
				objects[depth/64] &^= bit
			}
			if !ok {
				return 0, ErrSyntax
			}
			depth++
			continue
		case 't':
			i, ok = skipLiteral(b, i, "true")
		case 'f':
			i, ok = skipLiteral(b, i, "false")
		case 'n':
			i, ok = skipLiteral(b, i, "null")
		default:
			i, ok = skipNumber(b, i)
		}
		if !ok {
			return 0, ErrSyntax
		}
		for depth > 0 {
			i = skipSpace(b, i)
			if i == len(b) {
				return 0, ErrSyntax
			}
			top := depth - 1
			inObject := objects[top/64]>>(top%64)&1 != 0
			switch c := b[i]; {
			case c == ',':
				i++
				if inObject {
					if i, ok = skipKey(b, skipSpace(b, i)); !ok {
						return 0, ErrSyntax
					}
				}
				continue value
			case c == '}' && inObject, c == ']' && !inObject:
				i++
				depth--
			default:
				return 0, ErrSyntax
			}
		}
		return i, nil
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipKey skips a member's name and the colon.
func skipKey(b []byte, i int) (int, bool) {
	if i == len(b) || b[i] != '"' {
		return i, false
	}
	i, ok := skipString(b, i)
	if !ok {
		return i, false
	}
	i = skipSpace(b, i)
	return i + 1, i < len(b) && b[i] == ':'
}

func skipLiteral(b []byte, i int, literal string) (int, bool) {
	if len(b)-i < len(literal) || string(b[i:i+len(literal)]) != literal {
		return i, false
	}
	return i + len(literal), true
}

// skipString skips the string literal whose opening quote is b[i].
func skipString(b []byte, i int) (int, bool) {
	i++
	for {
		i = plainEnd(b, i)
		if i == len(b) || b[i] < ' ' {
			return i, false
		}
		if b[i] == '"' {
			return i + 1, true
		}
		if i+1 == len(b) {
			return i, false
		}
		switch b[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i += 2
		case 'u':
			if len(b)-i < 6 || !isHex(b[i+2]) || !isHex(b[i+3]) || !isHex(b[i+4]) || !isHex(b[i+5]) {
				return i, false
			}
			i += 6
		default:
			return i, false
		}
	}
}

// plainEnd returns the index of the next quote, backslash or control character
// of b from i on, or len(b). Eight bytes at a time: in each word the lowest
// byte that is marked is certain, those above it may be marked by its borrow.
func plainEnd[T []byte | string](b T, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; len(b)-i >= 8; i += 8 {
		w := binary.LittleEndian.Uint64([]byte(b[i : i+8]))
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		marks := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*' ')&^w) & highs
		if marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

func isHex(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func skipNumber(b []byte, i int) (int, bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	start := i
	i = skipDigits(b, i)
	if i == start || b[start] == '0' && i != start+1 {
		return i, false
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = skipDigits(b, start); i == start {
			return i, false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		if i = skipDigits(b, start); i == start {
			return i, false
		}
	}
	return i, true
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// TrimSpace returns b without the JSON white space at its ends.
func TrimSpace(b []byte) []byte {
	b = b[skipSpace(b, 0):]
	n := len(b)
	for n > 0 && (b[n-1] == ' ' || b[n-1] == '\n' || b[n-1] == '\r' || b[n-1] == '\t') {
		n--
	}
	return b[:n]
}
