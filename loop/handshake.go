package loop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxHello bounds the first message of a client, and its records. With what
	// the largest known extensions need, it has about 4 KiB.
	maxHello = 16 << 10
	// maxHelloRecords is how many records it may have.
	maxHelloRecords = 64
	// maxUnused is how many bytes may wait for the handshake's goroutine.
	maxUnused = 64 << 10
	// alertTime is how long the peer of a failed handshake has to take the
	// alert.
	alertTime = time.Second
)

var (
	errHandshakeTimeout = errors.New("loop: the TLS handshake did not end in time")
	errNoHello          = errors.New("loop: the connection does not begin with a TLS handshake")
	errLargeHello       = fmt.Errorf("loop: the first message of the TLS handshake is larger than %d bytes", maxHello)
)

// plainHTTP is the answer to a client that speaks HTTP without TLS, as
// net/http's.
const plainHTTP = "HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"

// handshake is the TLS handshake of a connection, and its handler meanwhile.
//
// The loop gathers the client's first message, which costs no goroutine,
// however slowly it comes. Then the handshake waits for a place ([places]) and
// runs on a goroutine, which reads what the loop has received and has the loop
// send what it writes.
//
//	             message complete          place              Finished
//	gathering ───────────────────► waiting ──────► running ────────────► outcome
type handshake struct {
	socket *tlsSocket
	t      *handoff // whose accept gets the connection
	remote netip.AddrPort
	local  net.Addr
	timer  Timer  // loop-owned
	entry  *entry // nil until the client's first message is complete; loop-owned

	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	arrive chan struct{} // has room for a notice that there is more, or the end

	mu     sync.Mutex // guards what follows
	in     []byte     // received, and not read by the goroutine
	left   int        // of the record that is read in part
	full   bool       // the connection is paused because in is full
	err    error      // the connection is closed
	tenant bool       // the goroutine has one of places.work
	alarm  *time.Timer
}

// newHandshake returns the handshake of a new connection, whose conn is set.
func newHandshake(s *tlsSocket, t *handoff) *handshake {
	h := &handshake{socket: s, t: t, remote: s.conn.RemoteAddr(), arrive: make(chan struct{}, 1)}
	if of, ok := s.poll.(interface{ LocalAddr() net.Addr }); ok {
		h.local = of.LocalAddr()
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.timer.Init(h)
	return h
}

// accept is the connection's accept function.
func (h *handshake) accept(c *Conn) Handler {
	c.loop.Arm(&h.timer, c.loop.engine.cfg.HandshakeTimeout)
	return h
}

// Data takes bytes that came before the connection did.
func (h *handshake) Data(_ *Conn, b []byte) { h.received(b) }

// Flushed implements Handler.
func (h *handshake) Flushed(*Conn) {}

// Closed ends the goroutine.
func (h *handshake) Closed(c *Conn, _ error) {
	c.loop.counters.handshakesFailed.Add(1)
	h.abort(c.loop)
}

// abort ends the waiting and the goroutine.
func (h *handshake) abort(l *Loop) {
	l.Cancel(&h.timer)
	h.mu.Lock()
	h.err = net.ErrClosed
	h.mu.Unlock()
	h.cancel()
	h.notify()
	if h.entry != nil {
		l.engine.places.withdraw(h.entry)
	}
}

// Expired closes a connection whose handshake takes too long.
func (h *handshake) Expired(*Timer) { h.fail(errHandshakeTimeout, "") }

// received takes what the poller has read, on the loop.
func (h *handshake) received(b []byte) {
	c := h.socket.conn
	if c.flags&(isLeaving|isLingering) != 0 {
		c.data(b)
		return
	}
	h.mu.Lock()
	h.in = append(h.in, b...)
	in := h.in
	h.full = len(in) > maxUnused
	full := h.full
	h.mu.Unlock()
	if full {
		c.Pause(nil)
	}
	if h.entry != nil {
		h.notify()
		return
	}
	switch whole, err := wholeHello(in); {
	case err != nil:
		answer := ""
		if looksLikeHTTP(in) {
			answer = plainHTTP
		}
		h.fail(err, answer)
	case whole:
		c.loop.records.forget(h.socket.part)
		h.socket.part = nil
		h.entry = c.loop.engine.places.enter(h.remote.Addr(), h.run)
	default:
		if h.socket.part == nil {
			h.socket.part = &partial{socket: h.socket}
		}
		c.loop.records.hold(h.socket.part, len(in))
	}
}

// notify wakes the goroutine.
func (h *handshake) notify() {
	select {
	case h.arrive <- struct{}{}:
	default:
	}
}

// read gets what the loop has received, of at most one record. It waits for
// more, and needs no place to work meanwhile.
func (h *handshake) read(b []byte) (n int, err error) {
	for {
		h.mu.Lock()
		if h.err != nil {
			h.mu.Unlock()
			return 0, h.err
		}
		if h.left > 0 && len(h.in) > 0 || len(h.in) >= recordHead {
			n, h.left = copyRecord(b, h.in, h.left)
			h.in = h.in[n:]
			resume := h.full && len(h.in) == 0
			h.full = h.full && !resume
			h.mu.Unlock()
			if resume {
				h.socket.home.Post(resumeTask{h})
			}
			return n, nil
		}
		h.mu.Unlock()
		h.rest()
		<-h.arrive
		if err := h.work(); err != nil {
			return 0, err
		}
	}
}

// resumeTask has a paused connection read again.
type resumeTask struct{ h *handshake }

// Run implements Task.
func (t resumeTask) Run(*Loop) {
	if c := t.h.socket.conn; c != nil && t.h.socket.shake == t.h {
		c.Resume()
	}
}

// write has the loop send b.
func (h *handshake) write(b []byte) (int, error) {
	f := NewFrame()
	f.B = append(f.B, b...)
	if !h.socket.home.Post(flight{h, f}) {
		f.Release()
		return 0, ErrShutdown
	}
	return len(b), nil
}

// flight is what the server sends at a time.
type flight struct {
	h *handshake
	f *Frame
}

// Run queues it, unless the connection is gone.
func (t flight) Run(*Loop) {
	if c := t.h.socket.conn; c != nil {
		c.Send(t.f)
		return
	}
	t.f.Release()
}

// looksLikeHTTP reports whether a client's first bytes are those of a method.
func looksLikeHTTP(b []byte) bool {
	for _, c := range b[:min(len(b), 3)] {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(b) >= 3
}

// wholeHello reports whether in has the whole first message of a client, which
// may be in several records (RFC 8446, sections 4 and 5.1).
func wholeHello(in []byte) (bool, error) {
	const handshakeRecord, clientHello, head = 22, 1, 4
	var got, want int
	if len(in) > 2*maxHello {
		return false, errLargeHello
	}
	records := 0
	for rest := in; len(rest) > 0; {
		if records++; records > maxHelloRecords {
			return false, errLargeHello
		}
		if rest[0] != handshakeRecord || len(rest) > 1 && rest[1] != 3 {
			return false, errNoHello
		}
		if len(rest) < recordHead {
			return false, nil
		}
		size := int(rest[3])<<8 | int(rest[4])
		rest = rest[recordHead:]
		piece := rest[:min(size, len(rest))]
		for i, b := range piece[:max(min(len(piece), head-got), 0)] {
			switch at := got + i; {
			case at == 0 && b != clientHello:
				return false, errNoHello
			case at > 0:
				want = want<<8 | int(b)
			}
		}
		if want > maxHello {
			return false, errLargeHello
		}
		got += len(piece)
		if got >= head && got >= head+want && want > 0 {
			return true, nil
		}
		if len(rest) < size {
			return false, nil
		}
		rest = rest[size:]
	}
	return false, nil
}
