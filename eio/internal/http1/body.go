package http1

import "math"

// Body decodes one request's body from bytes as they arrive. The zero value is
// an empty body.
type Body struct {
	left   int64 // bytes of the body, or of the chunk, still to come; while a size is read, its value so far
	room   int64 // bytes that the limit still permits
	excess uint16
	digits uint8
	state  bodyState
}

// maxExcess is how many bytes chunk extensions and trailers of one body may
// have together; they are discarded.
const maxExcess = 4 << 10

type bodyState uint8

const (
	bodyDone bodyState = iota
	bodyPlain
	chunkSize
	chunkExtension
	chunkSizeLF
	chunkData
	chunkCR
	chunkLF
	trailerStart
	trailerName
	trailerValue
	trailerLF
	trailerEndLF
)

// Reset prepares for the body that follows req's head. limit is the size in
// bytes of the largest body, all chunks together; 0 means no limit of its own.
// A Content-Length beyond it is ErrBodyTooLarge at once.
func (d *Body) Reset(req *Request, limit int64) error {
	*d = Body{room: limit}
	if limit <= 0 {
		d.room = math.MaxInt64
	}
	switch {
	case req.Chunked:
		d.state = chunkSize
	case req.ContentLength > d.room:
		return ErrBodyTooLarge
	case req.ContentLength > 0:
		d.state, d.left = bodyPlain, req.ContentLength
	}
	return nil
}

// Done reports whether the body is complete.
func (d *Body) Done() bool { return d.state == bodyDone }

// Next decodes from b. data is the next run of body bytes, a view of b
// (borrowed), possibly empty; n is how much of b was used; done reports whether
// the body ended there, so that b[n:] is the next request. Until done, the
// caller calls Next again with b[n:] while that is not empty. Errors are
// *Error. It does not allocate.
func (d *Body) Next(b []byte) (data []byte, n int, done bool, err error) {
	for n < len(b) {
		switch d.state {
		case bodyDone:
			return nil, n, true, nil
		case bodyPlain, chunkData:
			run := int(min(d.left, int64(len(b)-n)))
			data, n = b[n:n+run:n+run], n+run
			d.left -= int64(run)
			switch {
			case d.left > 0:
			case d.state == chunkData:
				d.state = chunkCR
			default:
				d.state = bodyDone
			}
			return data, n, d.state == bodyDone, nil
		}
		if err := d.frame(b[n]); err != nil {
			return nil, n, false, err
		}
		n++
	}
	return nil, n, d.state == bodyDone, nil
}

// frame takes one byte of the chunked framing (RFC 9112 section 7.1).
func (d *Body) frame(c byte) error {
	switch d.state {
	case chunkSize:
		return d.size(c)
	case chunkExtension:
		if c == '\r' {
			d.state = chunkSizeLF
			return nil
		}
		return d.spend(c, classValue)
	case chunkSizeLF:
		return d.sizeEnd(c)
	case chunkCR:
		return d.expect(c, '\r', chunkLF)
	case chunkLF:
		d.digits = 0
		return d.expect(c, '\n', chunkSize)
	case trailerStart:
		if c == '\r' {
			d.state = trailerEndLF
			return nil
		}
		d.state = trailerName
		return d.spend(c, classToken)
	case trailerName:
		if c == ':' {
			d.state = trailerValue
			return nil
		}
		return d.spend(c, classToken)
	case trailerValue:
		if c == '\r' {
			d.state = trailerLF
			return nil
		}
		return d.spend(c, classValue)
	case trailerLF:
		return d.expect(c, '\n', trailerStart)
	default: // trailerEndLF
		return d.expect(c, '\n', bodyDone)
	}
}

func (d *Body) size(c byte) error {
	switch {
	case class[c]&classHex != 0:
		// 15 digits stay within int64.
		if d.digits++; d.digits > 15 {
			return ErrChunk
		}
		d.left = d.left<<4 | int64(unhex(c))
		return nil
	case d.digits == 0:
		return ErrChunk
	case c == ';':
		d.state = chunkExtension
		return d.spend(c, classValue)
	default:
		return d.expect(c, '\r', chunkSizeLF)
	}
}

func (d *Body) sizeEnd(c byte) error {
	if d.left > d.room {
		return ErrBodyTooLarge
	}
	d.room -= d.left
	if d.left == 0 {
		return d.expect(c, '\n', trailerStart)
	}
	return d.expect(c, '\n', chunkData)
}

func (d *Body) expect(c, want byte, next bodyState) error {
	if c != want {
		return ErrChunk
	}
	d.state = next
	return nil
}

// spend counts one byte of an extension or trailer.
func (d *Body) spend(c, bit byte) error {
	if d.excess++; d.excess > maxExcess || class[c]&bit == 0 {
		return ErrChunk
	}
	return nil
}

// unhex returns the value of a byte of classHex.
func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return lower(c) - 'a' + 10
}
