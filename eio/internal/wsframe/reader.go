package wsframe

import (
	"github.com/sioserver/sioserver/loop"
)

// Reader finds messages and control frames in the bytes of one connection,
// however they are cut. The zero value is ready. A Reader takes 32 bytes, and a
// pooled buffer while a frame or message is incomplete.
type Reader struct {
	// buf holds the unmasked message so far, then what has come of a header, or
	// of the payload of the current frame; nil when there is none of that.
	buf     *loop.Frame
	message uint32 // length of the part of buf that earlier frames of the message brought
	frames  uint32 // frames since the message began, its own and control frames
	left    int64  // payload bytes of the current frame still to come
	mask    [4]byte
	first   byte // first header byte of the current frame
	opening byte // first header byte of the frame that began the message; 0 between messages
	payload bool // a header was read and its payload is not complete
	lent    bool // the payload of the last Event lies in buf from message on
}

// Next looks at b, the bytes that followed those of the last call, and reports
// the first event in them. n is how much of b was used. The caller calls it
// again with b[n:], even if that is empty, until the event is [None]: then all
// of b is used, and a buffer that is no longer needed is back in its pool. b is
// borrowed until the next call, and unmasked in place. Errors are *Error; the
// Reader has then given its buffer back and must not be used again.
func (r *Reader) Next(b []byte, lim *Limits) (ev Event, n int, err error) {
	if r.lent {
		r.lent, r.buf.B = false, r.buf.B[:r.message]
	}
	ev, n, err = r.scan(b, lim)
	if err != nil || ev.Type == None && r.buffered() == 0 {
		r.Release()
	}
	return ev, n, err
}

// scan is Next without releasing the buffer.
func (r *Reader) scan(b []byte, lim *Limits) (ev Event, n int, err error) {
	for n < len(b) {
		if !r.payload {
			used, err := r.header(b[n:], lim)
			n += used
			if err != nil || !r.payload {
				return Event{}, n, err
			}
		}
		data, used := r.body(b[n:], lim)
		n += used
		if r.payload {
			return Event{}, n, nil
		}
		if r.first&finBit == 0 {
			r.message = uint32(r.buffered())
			continue
		}
		ev, err = r.event(data)
		return ev, n, err
	}
	return Event{}, n, nil
}

// Held returns the capacity in bytes of the buffer that an incomplete frame or
// message takes now; 0 when there is none.
func (r *Reader) Held() int {
	if r.buf == nil {
		return 0
	}
	return cap(r.buf.B)
}

// Release gives the buffer back. The caller uses it when a connection ends with
// something incomplete. Payloads of earlier events are invalid afterwards, and
// the Reader must not be used again unless it is set to its zero value.
func (r *Reader) Release() {
	if r.buf != nil {
		r.buf.Release()
	}
	r.buf, r.message, r.lent = nil, 0, false
}

// buffered returns the length of what buf holds.
func (r *Reader) buffered() int {
	if r.buf == nil {
		return 0
	}
	return len(r.buf.B)
}

// header reads a header from b, or keeps what has come of it. n is how much of
// b was used; payload is set when the header is complete.
func (r *Reader) header(b []byte, lim *Limits) (n int, err error) {
	head, kept := b, r.buffered()-int(r.message)
	if kept > 0 {
		var joined [maxClientHeader]byte
		copy(joined[:], r.buf.B[r.message:])
		head = joined[:kept+copy(joined[kept:], b)]
	}
	size, err := r.parseHeader(head, lim)
	if err != nil {
		return 0, err
	}
	if size == 0 {
		r.hold(b, int64(len(b)), lim)
		return len(b), nil
	}
	if kept > 0 {
		r.buf.B = r.buf.B[:r.message]
	}
	r.payload = true
	return size - kept, nil
}

// body takes the current frame's payload from b. When the payload is complete,
// body clears payload; data is then the unmasked payload of a control frame or,
// after a final frame, of the whole message.
func (r *Reader) body(b []byte, lim *Limits) (data []byte, n int) {
	n = int(min(r.left, int64(len(b))))
	whole := int64(n) == r.left
	if whole && r.buffered() == int(r.message) && r.first&finBit != 0 && (r.message == 0 || isControl(r.first)) {
		// The usual case: all of it is in b, and nothing before it belongs to
		// it.
		data = b[:n:n]
		unmask(data, r.mask)
		r.left, r.payload = 0, false
		return data, n
	}
	at := r.buffered()
	r.hold(b[:n], r.left, lim)
	if n > 0 {
		unmask(r.buf.B[at:], r.mask)
	}
	r.mask = rotate(r.mask, n)
	r.left -= int64(n)
	if !whole {
		return nil, n
	}
	r.payload = false
	if r.buf != nil {
		data = r.buf.B
		if isControl(r.first) {
			data = data[r.message:]
		}
		// A fragment's bytes stay; those of an event go with the next call.
		r.lent = r.first&finBit != 0
	}
	return data, n
}

// maxLent is the capacity in bytes up to which a buffer from the pool is used
// whatever it is to hold. A larger one may exceed what it is to hold by a
// quarter only: Config.MaxReceiving counts capacities, and where they are twice
// as large as needed, twice as many peers have to wait.
const maxLent = 2 << 10

// hold appends b to the buffer, which grows with what has come and never by
// what was announced: expected is the number of bytes that would complete the
// current frame, b included. Growth stops at the end of a frame after which the
// buffer is given back. Inside a message it doubles, up to what the limit
// admits, so that all copies together are at most as long as the message,
// however it is fragmented.
func (r *Reader) hold(b []byte, expected int64, lim *Limits) {
	if len(b) == 0 {
		return
	}
	if r.buf == nil {
		r.buf = loop.NewReceivedFrame()
		if cap(r.buf.B) > max(maxLent, len(b)+len(b)/4) {
			r.buf.Compact() // it is empty: the buffer goes back to the pool
		}
	}
	if need := len(r.buf.B) + len(b); need > cap(r.buf.B) {
		size := 2 * cap(r.buf.B)
		switch last := r.first&finBit != 0 && (r.message == 0 || !isControl(r.first)); {
		case r.payload && last:
			if expected < int64(size-len(r.buf.B)) {
				size = len(r.buf.B) + int(expected)
			}
		case lim.Message > 0:
			size = int(min(int64(size), lim.Message+MaxControl+maxClientHeader))
		}
		r.buf.B = append(make([]byte, 0, max(size, need)), r.buf.B...)
	}
	r.buf.B = append(r.buf.B, b...)
}
