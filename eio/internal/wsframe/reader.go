package wsframe

// Reader finds messages and control frames in the bytes of one connection, whatever their cuts. The zero value is
// ready. It is 48 bytes and owns nothing else, except a buffer while a frame or message is incomplete.
type Reader struct {
	// buf is borrowed. It holds the unmasked message so far, then what has come of a header, or of the payload of
	// the current frame.
	buf     []byte
	message uint32 // how much of buf is from earlier frames of the message
	frames  uint32 // frames since the message began, its own and control frames
	left    int64  // payload bytes of the current frame still to come
	mask    [4]byte
	first   byte // first header byte of the current frame
	opening byte // first header byte of the frame that began the message; 0 between messages
	payload bool // a header was read and its payload is not complete
	lent    bool // the payload of the last Event lies in buf[message:]
}

// Next looks at b, the bytes that followed those of the last call, and reports the first event in them. n is how
// much of b was used. Call it again with b[n:], also when that is empty, until the event is [None]: then all of b
// is used, and a buffer that is not needed any more is back in lim.Buffers. b is borrowed until the next call and
// unmasked in place. Errors are *Error; the Reader has then given its buffer back and must not be used again.
func (r *Reader) Next(b []byte, lim *Limits) (ev Event, n int, err error) {
	if r.lent {
		r.lent, r.buf = false, r.buf[:r.message]
	}
	ev, n, err = r.scan(b, lim)
	if err != nil || ev.Type == None && len(r.buf) == 0 {
		r.Release(lim)
	}
	return ev, n, err
}

// scan is Next without the care for the buffer.
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
			r.message = uint32(len(r.buf))
			continue
		}
		ev, err = r.event(data)
		return ev, n, err
	}
	return Event{}, n, nil
}

// Held is the capacity in bytes of the buffer that an incomplete frame or message takes now; 0 for none.
func (r *Reader) Held() int { return cap(r.buf) }

// Release gives a borrowed buffer back: for a connection that ends in the middle of something. Payloads of earlier
// events are invalid afterwards, and so is the Reader, unless it is set to its zero value.
func (r *Reader) Release(lim *Limits) {
	if r.buf != nil && lim.Buffers != nil {
		lim.Buffers.Put(r.buf)
	}
	r.buf, r.message, r.lent = nil, 0, false
}

// header reads a header from b, or puts its first part aside. n is how much of b was used; payload is set when the
// header is complete.
func (r *Reader) header(b []byte, lim *Limits) (n int, err error) {
	head, aside := b, len(r.buf)-int(r.message)
	if aside > 0 {
		var joined [maxClientHeader]byte
		copy(joined[:], r.buf[r.message:])
		head = joined[:aside+copy(joined[aside:], b)]
	}
	size, err := r.parseHeader(head, lim)
	if err != nil {
		return 0, err
	}
	if size == 0 {
		r.hold(b, int64(len(b)), lim)
		return len(b), nil
	}
	r.buf = r.buf[:r.message]
	r.payload = true
	return size - aside, nil
}

// body takes the current frame's payload from b. When it is complete, payload is cleared and data is the unmasked
// payload of a control frame or, after a final frame, of the whole message.
func (r *Reader) body(b []byte, lim *Limits) (data []byte, n int) {
	n = int(min(r.left, int64(len(b))))
	whole := int64(n) == r.left
	if whole && len(r.buf) == int(r.message) && r.first&finBit != 0 && (r.message == 0 || isControl(r.first)) {
		// The usual case: all of it is in b, and nothing before it belongs to it.
		data = b[:n:n]
		unmask(data, r.mask)
		r.left, r.payload = 0, false
		return data, n
	}
	at := len(r.buf)
	r.hold(b[:n], r.left, lim)
	unmask(r.buf[at:], r.mask)
	r.mask = rotate(r.mask, n)
	r.left -= int64(n)
	if !whole {
		return nil, n
	}
	r.payload = false
	data = r.buf
	if isControl(r.first) {
		data = r.buf[r.message:]
	}
	// A fragment's bytes stay; those of an event go with the next call.
	r.lent = r.first&finBit != 0
	return data, n
}

// hold appends b to the buffer, which grows with what has come, never by what was announced: expected is the number
// of bytes that would complete the current frame, b included. Growth stops at the end of a frame after which the
// buffer is given back; inside a message it doubles, up to what the limit admits, so that all copies together are at
// most as long as the message, however it is fragmented.
func (r *Reader) hold(b []byte, expected int64, lim *Limits) {
	if need := len(r.buf) + len(b); need > cap(r.buf) {
		size := 2 * cap(r.buf)
		switch last := r.first&finBit != 0 && (r.message == 0 || !isControl(r.first)); {
		case r.payload && last:
			if expected < int64(size-len(r.buf)) {
				size = len(r.buf) + int(expected)
			}
		case lim.Message > 0:
			size = int(min(int64(size), lim.Message+MaxControl+maxClientHeader))
		}
		size = max(size, need)
		var grown []byte
		if lim.Buffers != nil {
			grown = append(lim.Buffers.Get(size), r.buf...)
			if r.buf != nil {
				lim.Buffers.Put(r.buf)
			}
		} else {
			grown = append(make([]byte, 0, size), r.buf...)
		}
		r.buf = grown
	}
	r.buf = append(r.buf, b...)
}
