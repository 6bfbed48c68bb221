package msgpack

import "github.com/sioserver/sioserver/codec/jsonenc"

// MaxDepth is the deepest nesting of arrays and maps that is read or written,
// the same as in JSON.
const MaxDepth = jsonenc.MaxDepth

// Skip returns the length of the MessagePack value at the head of b. The value
// is checked to its end, but for the UTF-8 of strings; what follows is not
// looked at. The errors are ErrMalformed and ErrTooDeep. It does not allocate.
func Skip(b []byte) (n int, err error) {
	h, size, err := readHead(b)
	if err != nil {
		return 0, err
	}
	if h.kind < kindArray {
		return size + h.n, nil
	}
	return skip(b, 0)
}

// skipLevels is how many open containers one call of skip keeps track of; those
// below go to a call of their own, so that shallow values use little stack.
const skipLevels = 32

// skip is Skip for a value inside of depth containers.
func skip(b []byte, depth int) (int, error) {
	var open [skipLevels]int // what each open container still awaits
	level, i := 0, 0
	for {
		h, size, err := readHead(b[i:])
		switch {
		case err != nil:
			return 0, err
		case h.kind < kindArray:
			size += h.n
		case depth+level == MaxDepth:
			return 0, ErrTooDeep
		case h.n == 0:
		case level == skipLevels:
			if size, err = skip(b[i:], depth+level); err != nil {
				return 0, err
			}
		default:
			open[level] = h.n
			if h.kind == kindMap {
				open[level] *= 2
			}
			level++
			i += size
			continue
		}
		i += size
		for level > 0 {
			open[level-1]--
			if open[level-1] > 0 {
				break
			}
			level--
		}
		if level == 0 {
			return i, nil
		}
	}
}

// isOne reports whether b is exactly one value.
func isOne(b []byte) error {
	n, err := Skip(b)
	if err == nil && n != len(b) {
		err = ErrMalformed
	}
	return err
}
