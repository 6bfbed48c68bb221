package socketio

import "bytes"

// Reconstructor collects the attachments of one packet (protocol 5, "Binary
// packets"). The zero value is idle. It is owned by one goroutine at a time.
//
// Everything is copied on the way in, so that nothing refers to the
// transport's buffers, and each copy is handed out with Take: the attachments
// then belong to the receiver.
type Reconstructor struct {
	header      Header
	attachments [][]byte
	room        int // bytes that may still come; negative when there is no limit
	held        int // bytes that were copied
}

// Start awaits the attachments of the packet h, which must be of a binary type
// and from ParseHeader. It copies h. maxBytes limits the packet's namespace
// and data together with its attachments, 0 means no limit besides the
// transport's for each message; the error is ErrAttachmentsTooLarge.
func (r *Reconstructor) Start(h Header, maxBytes int) error {
	*r = Reconstructor{}
	room := -1
	if maxBytes > 0 {
		room = maxBytes - len(h.Namespace) - len(h.Data)
		if room < 0 {
			return ErrAttachmentsTooLarge
		}
	}
	h.Namespace, h.Data = bytes.Clone(h.Namespace), bytes.Clone(h.Data)
	r.header, r.room, r.held = h, room, len(h.Namespace)+len(h.Data)
	return nil
}

// Pending reports whether attachments are awaited. A text packet that comes
// meanwhile is the error ErrPlaintextInReconstruction, for the caller to raise.
func (r *Reconstructor) Pending() bool {
	return len(r.attachments) < r.header.Attachments
}

// Held is how many bytes of an incomplete packet have been copied.
func (r *Reconstructor) Held() int { return r.held }

// Add takes the next binary message, which it copies; done reports whether it
// was the last one awaited, and Take is due. With the last one the placeholders
// are checked. The errors are ErrUnexpectedBinary, ErrAttachmentsTooLarge and
// ErrIllegalAttachments; after one the Reconstructor is idle.
func (r *Reconstructor) Add(message []byte) (done bool, err error) {
	if !r.Pending() {
		return false, ErrUnexpectedBinary
	}
	if r.room >= 0 {
		if r.room < len(message) {
			*r = Reconstructor{}
			return false, ErrAttachmentsTooLarge
		}
		r.room -= len(message)
	}
	r.attachments = append(r.attachments, append(make([]byte, 0, len(message)), message...))
	r.held += len(message)
	if r.Pending() {
		return false, nil
	}
	if r.header.Data != nil {
		if _, err := findPlaceholders(r.header.Data, len(r.attachments)); err != nil {
			*r = Reconstructor{}
			return false, err
		}
	}
	return true, nil
}

// Take returns the complete packet and makes the Reconstructor idle. The
// memory of all results belongs to the caller.
func (r *Reconstructor) Take() (h Header, attachments [][]byte) {
	h, attachments = r.header, r.attachments
	*r = Reconstructor{}
	return h, attachments
}
