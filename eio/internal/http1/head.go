package http1

import "bytes"

const (
	// DefaultHead is the limit of a request head in bytes when 0 is given.
	DefaultHead = 16 << 10
	// MaxHead is the largest limit of a request head; larger ones are lowered
	// to it.
	MaxHead = 1<<16 - 1
)

// Parser remembers how much of a head that arrives in pieces was looked at, so
// that a slow peer causes no repeated work. The zero value is ready; after a
// head or an error it is ready again.
type Parser struct {
	scanned uint32
}

// Head parses the request head at the start of b into req, which borrows b. n
// is the length of the head. 0 with a nil error means that more bytes are
// needed: the caller keeps all of b and calls Head again with it and what has
// arrived since. limit is the size in bytes of the largest head, 0 for
// DefaultHead. It does not allocate. Errors are *Error; req is then
// unspecified. One CRLF before the request line is skipped (RFC 9112 section
// 2.2).
func (p *Parser) Head(b []byte, limit int, req *Request) (n int, err error) {
	if limit <= 0 {
		limit = DefaultHead
	}
	limit = min(limit, MaxHead)
	if len(b) > 0 && b[0] != '\r' && class[b[0]]&classToken == 0 {
		// Not HTTP but perhaps the start of TLS: refuse it without waiting for
		// a line end that may never come.
		p.scanned = 0
		return 0, ErrRequestLine
	}
	// Only a new line end can change the outcome, so a head is parsed at most
	// once for each line, however it is cut.
	seen := min(int(p.scanned), len(b))
	if len(b) < limit && bytes.IndexByte(b[seen:], '\n') < 0 {
		p.scanned = uint32(len(b))
		return 0, nil
	}
	p.scanned = 0
	n, err = req.parse(b[:min(len(b), limit)])
	if n > 0 || err != nil {
		return n, err
	}
	if len(b) >= limit {
		return 0, ErrHeadTooLarge
	}
	p.scanned = uint32(len(b))
	return 0, nil
}

// parse parses a head at the start of b. It returns 0 and nil when the blank
// line is not in b.
func (r *Request) parse(b []byte) (int, error) {
	r.reset()
	pos := 0
	if len(b) >= 2 && b[0] == '\r' && b[1] == '\n' {
		pos = 2
	}
	start := pos
	line, next, err := cutLine(b, pos)
	if next == 0 || err != nil {
		return 0, err
	}
	if err := r.requestLine(line); err != nil {
		return 0, err
	}
	var f framing
	for {
		pos = next
		line, next, err = cutLine(b, pos)
		if next == 0 || err != nil {
			return 0, err
		}
		if len(line) == 0 {
			if err := r.finish(&f); err != nil {
				return 0, err
			}
			r.head = b[start:next]
			return next, nil
		}
		if err := r.fieldLine(line, pos-start, &f); err != nil {
			return 0, err
		}
	}
}

// cutLine returns the line that starts at pos, without its CRLF, and where the
// next line starts; 0 when the line end has not arrived.
func cutLine(b []byte, pos int) (line []byte, next int, err error) {
	i := bytes.IndexByte(b[pos:], '\n')
	if i < 0 {
		return nil, 0, nil
	}
	if i == 0 || b[pos+i-1] != '\r' {
		return nil, 0, ErrLineEnd
	}
	return b[pos : pos+i-1 : pos+i-1], pos + i + 1, nil
}

// requestLine parses the request line (RFC 9112 section 3).
func (r *Request) requestLine(line []byte) error {
	sp := bytes.IndexByte(line, ' ')
	if sp <= 0 || !all(line[:sp], classToken) {
		return ErrRequestLine
	}
	r.Method = line[:sp:sp]
	rest := line[sp+1:]
	sp = bytes.IndexByte(rest, ' ')
	if sp <= 0 || !all(rest[:sp], classTarget) {
		return ErrRequestLine
	}
	r.Target = rest[:sp:sp]
	switch version := rest[sp+1:]; {
	case string(version) == "HTTP/1.1":
		r.Minor, r.KeepAlive = 1, true
	case string(version) == "HTTP/1.0":
	case len(version) == 8 && string(version[:5]) == "HTTP/" && digit(version[5]) && version[6] == '.' && digit(version[7]):
		return ErrVersion
	default:
		return ErrRequestLine
	}
	return r.splitTarget()
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
