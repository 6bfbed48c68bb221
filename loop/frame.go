package loop

import (
	"sync"
	"sync/atomic"

	"github.com/valyala/bytebufferpool"

	"github.com/sioserver/sioserver/loop/invariants"
)

// Frame is a reference-counted pooled buffer of bytes to send, shared by all
// connections that it is sent to. Retain and Release are safe for concurrent
// use.
// B and Start may be written only until the frame is first sent or retained;
// from then on they are immutable.
type Frame struct {
	// B holds the bytes; append to it freely before the frame is shared.
	B []byte
	// Start is where Send begins in B. Before it is room for the header that a
	// transport puts in front of a payload written earlier.
	Start int
	// Group, unless 0, is the number of frames, this one first, that make one
	// message, and the message may be dropped while it is queued: see
	// [Conn.MakeRoom].
	Group uint8

	refs atomic.Int32
	buf  *bytebufferpool.ByteBuffer // has the same B; nil in a pooled frame
	pool *framePool

	_ [8]byte // fills a cache line: frames of different loops do not share one
}

// keptSize is the capacity up to which a frame keeps its buffer while it is in
// the pool. The pool of buffers counts all its uses in one place, which loops
// on several cores would contend for with every small message.
const keptSize = 1 << 10

// framePool has frames and their buffers.
type framePool struct {
	frames  sync.Pool // of *Frame
	buffers bytebufferpool.Pool
}

// Received bytes have a pool of their own. A pool makes new buffers as large as
// most of those that it got back, and peers choose the sizes of what they send.
// In a shared pool a short packet that waits for a slow peer could take a
// buffer of such a size, which no bound counts.
var sentFrames, receivedFrames framePool

// NewFrame returns an empty frame with one reference, the caller's.
func NewFrame() *Frame { return sentFrames.get() }

// NewReceivedFrame is NewFrame for bytes that a peer has sent.
func NewReceivedFrame() *Frame { return receivedFrames.get() }

func (p *framePool) get() *Frame {
	f, _ := p.frames.Get().(*Frame)
	if f == nil {
		f = &Frame{pool: p}
	}
	if f.B == nil {
		f.buf = p.buffers.Get()
		f.B = f.buf.B
	}
	f.Start, f.Group = 0, 0
	f.refs.Store(1)
	if invariants.Enabled {
		invariants.Frames.Add(1)
	}
	return f
}

// Compact moves B out of a buffer that is more than twice as large, which goes
// back to its pool. The frame must not be shared yet.
func (f *Frame) Compact() {
	if cap(f.B) <= 2*len(f.B)+256 {
		return
	}
	own := append(make([]byte, 0, len(f.B)), f.B...)
	f.buf.B = f.B
	f.pool.buffers.Put(f.buf)
	f.buf, f.B = &bytebufferpool.ByteBuffer{B: own}, own
}

// Retain adds a reference and returns f.
func (f *Frame) Retain() *Frame {
	n := f.refs.Add(1)
	if invariants.Enabled {
		invariants.Check(n > 1, "loop: frame retained after its release")
	}
	return f
}

// Release gives up one reference. With the last one the buffer goes back to
// its pool, so neither f nor f.B may be used afterwards. Releasing more often
// than retaining is a bug of the caller and panics.
func (f *Frame) Release() {
	switch n := f.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("loop: frame released too often")
	}
	if invariants.Enabled {
		invariants.Frames.Add(-1)
		invariants.Mangle(f.B)
		return // not to the pool, so that uses after the release are found
	}
	if cap(f.B) <= keptSize {
		f.B = f.B[:0]
	} else {
		f.buf.B = f.B
		f.pool.buffers.Put(f.buf)
		f.buf, f.B = nil, nil
	}
	f.pool.frames.Put(f)
}

// payload is what goes to the wire.
func (f *Frame) payload() []byte {
	if invariants.Enabled {
		invariants.Check(f.refs.Load() > 0, "loop: frame used after its release")
	}
	return f.B[f.Start:]
}
