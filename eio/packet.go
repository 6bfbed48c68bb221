package eio

import (
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/codec/engineio"
	"github.com/sioserver/sioserver/eio/internal/wsframe"
	"github.com/sioserver/sioserver/loop"
)

// headroom is how many bytes [EncodedPacket.Begin] leaves free in front of the
// payload.
const headroom = wsframe.MaxHeader

// room fills the headroom until a header is written into it.
var room = make([]byte, headroom)

// EncodedPacket is one Engine.IO packet encoded for the wire, shared by all
// sessions that it is sent to. Its buffer holds the WebSocket frame. The form
// for polling is the same bytes behind the frame's header.
//
//	0          start      10
//	| headroom | ws header | 4["event",…]   text
//	| headroom | ws header | 01 02 03       binary
//
// One goroutine builds a packet with Begin and End. After that it is immutable
// and safe for concurrent use. References are counted: NewEncodedPacket returns
// a packet with one, and the buffer is recycled when the last one is released.
type EncodedPacket struct {
	frame      *loop.Frame
	v3         atomic.Pointer[loop.Frame] // the binary frame of protocol 3, once it was needed
	compressed compressed
	refs       atomic.Int32
	binary     bool
	static     bool
	plain      bool // not to be compressed

	_ [16]byte // fills a cache line, so that packets of different loops share none
}

var packets = sync.Pool{New: func() any { return new(EncodedPacket) }}

// NewEncodedPacket returns an empty message packet with one reference.
func NewEncodedPacket(binary bool) *EncodedPacket {
	p := packets.Get().(*EncodedPacket)
	p.frame = loop.NewFrame()
	p.binary, p.plain = binary, false
	p.refs.Store(1)
	return p
}

// newTextPacket returns a text packet of type t with data.
func newTextPacket(t engineio.PacketType, data []byte) *EncodedPacket {
	p := NewEncodedPacket(false)
	b := p.Begin()
	b[len(b)-1] = t.Char()
	p.End(append(b, data...))
	return p
}

// Begin returns the buffer to which the caller appends the message. It already
// has the room for the transport's header and, for text, the packet type.
func (p *EncodedPacket) Begin() []byte {
	b := append(p.frame.B[:0], room...)
	if !p.binary {
		b = append(b, '4')
	}
	return b
}

// End completes the packet: b is the slice from Begin with the message
// appended.
func (p *EncodedPacket) End(b []byte) {
	op := wsframe.OpText
	if p.binary {
		op = wsframe.OpBinary
	}
	p.frame.B = b
	p.frame.Start = wsframe.PutHeaderBefore(b, headroom, op, len(b)-headroom)
}

// Binary reports whether the packet holds binary data.
func (p *EncodedPacket) Binary() bool { return p.binary }

// Len returns the size of the encoded packet in bytes, without framing.
func (p *EncodedPacket) Len() int { return len(p.frame.B) - headroom }

// Size returns how many bytes of memory the packet's buffer takes. It can be
// more than Len, because buffers are used again.
func (p *EncodedPacket) Size() int { return cap(p.frame.B) }

// SetDroppable declares p and the next n-1 packets sent to the same session to
// be one message that may be dropped while it waits: see [Session.MakeRoom]. It
// must be called before the packet is shared. n is at most 255.
func (p *EncodedPacket) SetDroppable(n int) { p.frame.Group = uint8(n) }

// Compact moves the packet out of a buffer that is much too large for it. It is
// for packets that are kept for long, and must be called before the packet is
// shared.
func (p *EncodedPacket) Compact() { p.frame.Compact() }

// Retain adds a reference and returns p.
func (p *EncodedPacket) Retain() *EncodedPacket {
	if !p.static {
		p.refs.Add(1)
	}
	return p
}

// Release drops a reference. The caller must not use the packet afterwards.
func (p *EncodedPacket) Release() {
	if p.static || p.refs.Add(-1) != 0 {
		return
	}
	p.frame.Release()
	p.frame = nil
	releaseCached(&p.v3)
	p.compressed.release()
	packets.Put(p)
}

// packet returns the packet that p encodes, borrowed from p.
func (p *EncodedPacket) packet() engineio.Packet {
	b := p.frame.B[headroom:]
	if p.binary {
		return engineio.Packet{Type: engineio.Message, Binary: true, Data: b}
	}
	return engineio.Packet{Type: engineio.PacketType(b[0] - '0'), Data: b[1:]}
}

// The packets without data that the engine sends. They are never released.
var (
	packetPing  = newStaticPacket(engineio.Ping)
	packetPong  = newStaticPacket(engineio.Pong)
	packetClose = newStaticPacket(engineio.Close)
	packetNoop  = newStaticPacket(engineio.Noop)
)

func newStaticPacket(t engineio.PacketType) *EncodedPacket {
	p := newTextPacket(t, nil)
	p.static = true
	return p
}
