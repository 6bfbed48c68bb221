package http1

import "iter"

// MaxFields is the largest number of header fields in one request.
const MaxFields = 100

// Request is a parsed request head. Its byte slices are views of the bytes
// given to [Parser.Head]: borrowed for as long as those stay unchanged. A
// Request is large (about 1 KB) and can be used again: keep one for each loop,
// not one for each connection.
type Request struct {
	// Method is the method token, in the case in which it was sent.
	Method []byte
	// Target is the request target as sent, undecoded.
	Target []byte
	// Path is the undecoded path. Of an absolute-form target it is what follows
	// the authority, "/" when nothing does; of the asterisk form it is "*".
	Path []byte
	// RawQuery is what follows the first '?' of the target, undecoded.
	RawQuery []byte
	// Host is the authority of an absolute-form target, otherwise the Host
	// field; empty when HTTP/1.0 omits it.
	Host []byte
	// ContentLength is the announced length of the body in bytes; -1 when there
	// is no Content-Length.
	ContentLength int64
	// Minor is the minor version: 0 for HTTP/1.0, 1 for HTTP/1.1.
	Minor uint8
	// Chunked reports whether the body has the chunked transfer coding.
	Chunked bool
	// KeepAlive reports whether the peer wants to use the connection again
	// after this request.
	KeepAlive bool
	// Expect100 reports whether the peer waits for "100 Continue" before it
	// sends the body.
	Expect100 bool
	// Upgrade reports whether Connection names upgrade and there is a non-empty
	// Upgrade field.
	Upgrade bool
	// WebSocket reports whether Upgrade is set and the field is "websocket", in
	// any case.
	WebSocket bool

	head   []byte
	count  int
	fields [MaxFields]field
}

// field locates a header field in the head; 16 bits because MaxHead fits them.
type field struct {
	name, nameEnd, value, valueEnd uint16
}

// HasBody reports whether body bytes follow the head.
func (r *Request) HasBody() bool { return r.Chunked || r.ContentLength > 0 }

// Head returns the raw head from the method to the blank line. Borrowed like
// the fields. [Request.Restore] makes the same Request of a copy.
func (r *Request) Head() []byte { return r.head }

// Restore parses head, a copy of what Head returned, into r, which borrows it.
// It panics if head is anything else.
func (r *Request) Restore(head []byte) {
	if n, err := r.parse(head); n != len(head) || err != nil {
		panic("http1: the head of a request can't be parsed again")
	}
}

// Header returns the value of the first field with that name in any case,
// without surrounding white space; nil when there is none, and never nil when
// there is one. Borrowed.
func (r *Request) Header(name string) []byte {
	for i := range r.count {
		f := &r.fields[i]
		if int(f.nameEnd-f.name) == len(name) && equalFold(r.head[f.name:f.nameEnd], name) {
			return r.head[f.value:f.valueEnd]
		}
	}
	return nil
}

// Single is [Request.Header] for a field that a request may have only once: nil
// when it has more.
func (r *Request) Single(name string) (value []byte) {
	for i := range r.count {
		f := &r.fields[i]
		if int(f.nameEnd-f.name) == len(name) && equalFold(r.head[f.name:f.nameEnd], name) {
			if value != nil {
				return nil
			}
			value = r.head[f.value:f.valueEnd]
		}
	}
	return value
}

// Headers yields every field in the order in which it was sent, repeated ones
// each time. Borrowed.
func (r *Request) Headers() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for i := range r.count {
			f := &r.fields[i]
			if !yield(r.head[f.name:f.nameEnd], r.head[f.value:f.valueEnd]) {
				return
			}
		}
	}
}

func (r *Request) reset() {
	r.Method, r.Target, r.Path, r.RawQuery, r.Host, r.head = nil, nil, nil, nil, nil, nil
	r.ContentLength, r.Minor, r.count = -1, 0, 0
	r.Chunked, r.KeepAlive, r.Expect100, r.Upgrade, r.WebSocket = false, false, false, false, false
}
