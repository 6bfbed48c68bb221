package msgpack

import "unicode/utf8"

// RawMap are the members of a map, still raw. It borrows from the map. The zero
// value has none. Nothing here allocates.
type RawMap struct {
	rest []byte
	n    int
}

// SplitMap returns the members of a raw map. The error is ErrInvalidPayload.
func SplitMap(data []byte) (RawMap, error) {
	h, size, err := readHead(data)
	if err != nil || h.kind != kindMap {
		return RawMap{}, ErrInvalidPayload
	}
	return RawMap{rest: data[size:], n: h.n}, nil
}

// Next takes the first member off m; false when none is left, or when what is
// left is not well-formed, which can't be when the map has passed Skip. The key
// is nil when it is no string.
func (m *RawMap) Next() (key, value []byte, ok bool) {
	if m.n == 0 {
		return nil, nil, false
	}
	key, size, err := readName(m.rest)
	if err == nil {
		m.rest = m.rest[size:]
		size, err = Skip(m.rest)
	}
	if err != nil {
		*m = RawMap{}
		return nil, nil, false
	}
	value = m.rest[:size:size]
	m.rest = m.rest[size:]
	m.n--
	return key, value, true
}

// IsNull reports whether a raw value is nil or undefined.
func IsNull(raw []byte) bool {
	h, _, err := readHead(raw)
	return err == nil && h.isNull()
}

// IsJSON reports whether b, which has passed Skip, has a form in JSON: it has
// no binary values, dates, other extensions, NaN or infinities, so AppendJSON
// loses nothing. It does not allocate.
func IsJSON(b []byte) bool { return isJSON(b, false) }

// isJSON is IsJSON, or, with binary set, IsJSON apart from binary values.
func isJSON(b []byte, binary bool) bool {
	for len(b) > 0 {
		h, size, err := readHead(b)
		switch {
		case err != nil, h.kind == kindBinary && !binary, h.kind == kindTime, h.kind == kindExt:
			return false
		case h.kind == kindFloat && h.float()-h.float() != 0:
			return false
		case h.kind < kindArray:
			size += h.n
		}
		b = b[size:]
	}
	return true
}

// WellFormed reports whether all strings of b, which has passed Skip, are
// UTF-8. Decoders put U+FFFD there otherwise.
func WellFormed(b []byte) bool {
	for len(b) > 0 {
		h, size, err := readHead(b)
		switch {
		case err != nil, h.kind == kindString && !utf8.Valid(b[size:size+h.n]):
			return false
		case h.kind < kindArray:
			size += h.n
		}
		b = b[size:]
	}
	return true
}
