package eio

import (
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/codec/engineio"
	"github.com/sioserver/sioserver/eio/internal/wsframe"
	"github.com/sioserver/sioserver/loop"
)

// headroom is what [Packet.Begin] leaves free in front of the payload.
const headroom = wsframe.MaxHeader

// room fills the headroom until a header is written into it.
var room = make([]byte, headroom)

// Packet is one Engine.IO message encoded for the wire, shared by everyone it
// is sent to. Its buffer holds the WebSocket frame; the polling form is the
// same bytes behind the frame's header.
//
//	0          start      10
//	| headroom | ws header | 4["event",…]   text
//	| headroom | ws header | 01 02 03       binary
//
// A Packet is built by one goroutine with Begin and End and is immutable and
// safe for concurrent use afterwards. It is counted: NewPacket returns it with
// one reference, and the buffer is recycled when the last one is released.
type Packet struct {
	frame      *loop.Frame
	v3         atomic.Pointer[loop.Frame] // binary for protocol 3, once somebody needed it
	compressed compressed
	refs       atomic.Int32
	binary     bool
	static     bool
	plain      bool // not to be compressed

	_ [16]byte // fills a cache line: packets of different loops do not share one
}

var packets = sync.Pool{New: func() any { return new(Packet) }}

// NewPacket returns an empty message packet with one reference.
func NewPacket(binary bool) *Packet {
	p := packets.Get().(*Packet)
	p.frame = loop.NewFrame()
	p.binary, p.plain = binary, false
	p.refs.Store(1)
	return p
}

// newPacketOf returns a text packet of type t with data.
func newPacketOf(t engineio.PacketType, data []byte) *Packet {
	p := NewPacket(false)
	b := p.Begin()
	b[len(b)-1] = t.Char()
	p.End(append(b, data...))
	return p
}

// Begin returns the buffer to append the message to. It already holds the
// space for the transport's header and, for text, the packet type.
func (p *Packet) Begin() []byte {
	b := append(p.frame.B[:0], room...)
	if !p.binary {
		b = append(b, '4')
	}
	return b
}

// End seals the packet: b is the slice from Begin with the message appended.
func (p *Packet) End(b []byte) {
	op := wsframe.OpText
	if p.binary {
		op = wsframe.OpBinary
	}
	p.frame.B = b
	p.frame.Start = wsframe.PutHeaderBefore(b, headroom, op, len(b)-headroom)
}

// Binary reports whether the packet holds binary data.
func (p *Packet) Binary() bool { return p.binary }

// Len is the size of the encoded message in bytes, without transport framing.
func (p *Packet) Len() int { return len(p.frame.B) - headroom }

// Size is how many bytes of memory the packet's buffer, which may be a larger
// one's second use, takes.
func (p *Packet) Size() int { return cap(p.frame.B) }

// SetDroppable says that p and the next n-1 packets sent to the same session are
// one message that may be dropped while it waits: see [Session.MakeRoom]. It must
// not be shared yet. n is at most 255.
func (p *Packet) SetDroppable(n int) { p.frame.Group = uint8(n) }

// Compact takes the packet out of a buffer that is much too large for it, for
// who keeps it long. It must not be shared yet.
func (p *Packet) Compact() { p.frame.Compact() }

// Retain adds a reference and returns p.
func (p *Packet) Retain() *Packet {
	if !p.static {
		p.refs.Add(1)
	}
	return p
}

// Release drops a reference. The packet must not be used by its holder afterwards.
func (p *Packet) Release() {
	if p.static || p.refs.Add(-1) != 0 {
		return
	}
	p.frame.Release()
	p.frame = nil
	releaseCached(&p.v3)
	p.compressed.release()
	packets.Put(p)
}

// packet is what p holds, borrowed.
func (p *Packet) packet() engineio.Packet {
	b := p.frame.B[headroom:]
	if p.binary {
		return engineio.Packet{Type: engineio.Message, Binary: true, Data: b}
	}
	return engineio.Packet{Type: engineio.PacketType(b[0] - '0'), Data: b[1:]}
}

// The packets without data that the engine itself sends; they live forever.
var (
	packetPing  = newStaticPacket(engineio.Ping)
	packetPong  = newStaticPacket(engineio.Pong)
	packetClose = newStaticPacket(engineio.Close)
	packetNoop  = newStaticPacket(engineio.Noop)
)

func newStaticPacket(t engineio.PacketType) *Packet {
	p := newPacketOf(t, nil)
	p.static = true
	return p
}
