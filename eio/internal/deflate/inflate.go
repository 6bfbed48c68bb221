package deflate

import (
	"errors"
	"io"
	"math"
	"sync"

	"github.com/klauspost/compress/flate"
)

const (
	// ending follows each message that is inflated: the marker that its sender
	// left out, and an empty final block, so that the message's end is a
	// stream's end.
	ending = marker + "\x01\x00\x00\xff\xff"
	// minRoom is the least room in bytes to start with where the limit permits
	// it.
	minRoom = 512
	// guess is the expected ratio of a message's size to its compressed size.
	guess = 4
)

// AppendInflated appends the message that payload inflates to (RFC 7692 section
// 7.2.2). payload is that of a message with RSV1 set, all fragments joined.
// limit is the largest size of a message in bytes; exactly the limit is
// accepted. Memory grows with what was inflated and never beyond the limit,
// whatever payload announces. Time grows with what was inflated, because a
// payload that is much longer is ErrCorrupt. The error is ErrTooBig or
// ErrCorrupt; the slice then has the length of dst. payload is borrowed until
// return and must not overlap the free part of dst. It allocates nothing when
// dst has room and a state is in the pool.
func AppendInflated(dst, payload []byte, limit int64) ([]byte, error) {
	if len(payload) == 0 {
		return dst, nil
	}
	f := inflaters.Get().(*inflater)
	end := int(min(max(limit, 0), int64(math.MaxInt-len(dst)))) + len(dst)
	out, err := f.inflate(dst, payload, end)
	f.payload = nil
	inflaters.Put(f)
	if err != nil {
		return out[:len(dst)], err
	}
	return out, nil
}

var inflaters = sync.Pool{New: func() any {
	f := &inflater{}
	f.stream = flate.NewReader(&f.source).(stream)
	return f
}}

// stream is a deflate stream that can be reset.
type stream interface {
	io.Reader
	flate.Resetter
}

// inflater is what one call needs.
type inflater struct {
	source
	stream stream
	probe  [1]byte
}

// inflate appends what payload inflates to, up to a length of end.
func (f *inflater) inflate(dst, payload []byte, end int) ([]byte, error) {
	f.source = source{payload: payload, budget: lookahead}
	room := min(max(guess*len(payload), minRoom), end-len(dst))
	for {
		// A peer may mark blocks as final (RFC 7692 section 7.2.3.4). A stream
		// then ends before the message does.
		_ = f.stream.Reset(&f.source, nil) // cannot fail
		var err error
		if dst, err = f.drain(dst, room, end); err != nil {
			return dst, err
		}
		if len(f.payload) == 0 {
			return dst, nil
		}
	}
}

// drain appends the rest of the stream. room is how many bytes to add when dst
// is full.
func (f *inflater) drain(dst []byte, room, end int) ([]byte, error) {
	for {
		free := dst[len(dst):min(cap(dst), end)]
		switch {
		case len(dst) == end:
			free = f.probe[:]
		case len(free) == 0:
			dst = grow(dst, room, end)
			continue
		}
		n, err := f.stream.Read(free)
		if len(dst) == end && n > 0 {
			return dst, ErrTooBig
		}
		dst = dst[:len(dst)+n]
		f.budget += 2 * n
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, ErrCorrupt
		}
	}
}

// grow returns a copy of b with twice the capacity, or with room more, but
// never with more than end.
func grow(b []byte, room, end int) []byte {
	size := end
	if cap(b) < end/2 {
		size = max(2*cap(b), min(len(b)+room, end))
	}
	return append(make([]byte, 0, size), b...)
}

// source is a payload and its ending as the byte reader that the library needs,
// so that it reads no byte too many.
type source struct {
	payload []byte
	ended   int // how much of the ending was read
	budget  int // how much of payload may be read before more has come out
}

// lookahead is how many bytes of a payload are read before something must have
// come out. No compressor needs as many, but blocks without content cost a peer
// little and the reader ten times the usual.
const lookahead = 64 << 10

var errWasteful = errors.New("deflate: blocks without content")

// ReadByte returns the next byte.
func (s *source) ReadByte() (byte, error) {
	if len(s.payload) > 0 {
		if s.budget <= 0 {
			return 0, errWasteful
		}
		s.budget--
		b := s.payload[0]
		s.payload = s.payload[1:]
		return b, nil
	}
	if s.ended < len(ending) {
		s.ended++
		return ending[s.ended-1], nil
	}
	return 0, io.EOF
}

// Read fills p as far as it can. The library reads stored blocks with it.
func (s *source) Read(p []byte) (n int, err error) {
	n = copy(p, s.payload)
	s.payload = s.payload[n:]
	s.budget -= n // stored blocks come out as they are
	if n < len(p) {
		k := copy(p[n:], ending[s.ended:])
		s.ended += k
		n += k
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}
