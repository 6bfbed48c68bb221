package sio

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/adapter"
)

// Emit sends an event to the socket's client. It encodes args before it
// returns: []byte values, at any depth, are sent as binary attachments,
// everything else as JSON. [RawArgs] stand for the arguments that they hold,
// also beside others; these are sent as they came, undecoded.
//
// The error is [ErrReservedEvent], [ErrName], [ErrDisconnected], or that of an
// argument that has no JSON form, or of which nothing would be sent, such as an
// [*Event] or an error. A nil error does not mean that the client has received
// anything: see [Socket.EmitAck].
func (s *Socket) Emit(event string, args ...any) error {
	return SocketEmitter{socket: s}.Emit(event, args...)
}

// EmitAck sends an event and waits for the client's acknowledgement, whose
// arguments it returns. It fails like Emit, with the error of ctx when that
// ends first, or with [ErrDisconnected] when the socket does. An
// acknowledgement that comes later is ignored. It must not be called by an
// [Inline] handler. [EmitAck] also decodes the answer.
func (s *Socket) EmitAck(ctx context.Context, event string, args ...any) (RawArgs, error) {
	return SocketEmitter{socket: s}.EmitAck(ctx, event, args...)
}

// Volatile returns an emitter to the socket whose packets may be lost: see
// [BroadcastOperator.Volatile].
func (s *Socket) Volatile() SocketEmitter { return SocketEmitter{socket: s, volatile: true} }

// Compress returns an emitter to the socket: see [BroadcastOperator.Compress].
func (s *Socket) Compress(on bool) SocketEmitter { return SocketEmitter{socket: s}.Compress(on) }

// Timeout returns an emitter to the socket whose EmitAck waits for d at most:
// see [SocketEmitter.Timeout].
func (s *Socket) Timeout(d time.Duration) SocketEmitter { return SocketEmitter{socket: s}.Timeout(d) }

// SocketEmitter emits to one socket with options. It is an immutable value: its
// methods return changed copies. To and the other methods that address other
// sockets return a [BroadcastOperator] with the same options, so options and
// addresses can be given in any order.
type SocketEmitter struct {
	socket   *Socket
	volatile bool
	plain    bool // not to be compressed
	timeout  time.Duration
}

// Volatile makes packets that may be lost: see [BroadcastOperator.Volatile].
func (o SocketEmitter) Volatile() SocketEmitter {
	o.volatile = true
	return o
}

// Compress says whether a polling response with the packet may be compressed:
// see [BroadcastOperator.Compress].
func (o SocketEmitter) Compress(on bool) SocketEmitter {
	o.plain = !on
	return o
}

// Timeout is how long EmitAck waits before it fails with [ErrTimeout]. When it
// is 0 it waits as long as its context allows.
func (o SocketEmitter) Timeout(d time.Duration) SocketEmitter {
	o.timeout = d
	return o
}

// Broadcast addresses all sockets of the namespace but the emitter's: see
// [Socket.Broadcast].
func (o SocketEmitter) Broadcast() BroadcastOperator {
	b := o.socket.Broadcast()
	b.volatile, b.plain, b.timeout = o.volatile, o.plain, o.timeout
	return b
}

// To addresses the sockets in at least one of rooms, except the emitter's: see
// [Socket.To].
func (o SocketEmitter) To(rooms ...string) BroadcastOperator { return o.Broadcast().To(rooms...) }

// In is To.
func (o SocketEmitter) In(rooms ...string) BroadcastOperator { return o.To(rooms...) }

// Except addresses the sockets that are in none of rooms, except the emitter's:
// see [Socket.Except].
func (o SocketEmitter) Except(rooms ...string) BroadcastOperator {
	return o.Broadcast().Except(rooms...)
}

// Local addresses all sockets of this server but the emitter's: see
// [Socket.Local].
func (o SocketEmitter) Local() BroadcastOperator { return o.Broadcast().Local() }

// Emit sends an event: see [Socket.Emit].
func (o SocketEmitter) Emit(event string, args ...any) error {
	if err := checkEvent(event); err != nil {
		return err
	}
	return o.socket.ns.delivery.emit(o, event, args)
}

// post hands m, whose reference it takes over, to the socket's loop.
func (o SocketEmitter) post(m encodedPacket) error {
	s := o.socket
	m.mark(o.plain, o.volatile && s.ns.srv.volatileWaits())
	return s.post(m, o.volatile)
}

func checkEvent(event string) error {
	if socketio.Reserved(event) {
		return fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	return adapter.CheckName(event)
}

// sendAck answers an event, once: used says whether that was done.
func (s *Socket) sendAck(id uint64, used *atomic.Bool, args []any) error {
	switch {
	case used.Load():
		return ErrAcked
	case !s.open():
		used.Store(true)
		return ErrDisconnected
	}
	m, err := encodeAck(s.ns, id, args)
	if err != nil {
		return err
	}
	if used.Swap(true) {
		m.release()
		return ErrAcked
	}
	return s.post(m, false)
}

// post hands m, whose reference it takes over, to the socket's loop.
func (s *Socket) post(m encodedPacket, volatile bool) error {
	s.holdTo(holdOwes)
	t := emitTasks.Get().(*emitTask)
	*t = emitTask{socket: s, packet: m, volatile: volatile}
	if !s.client.Loop().Post(t) {
		t.recycle()
		return ErrDisconnected
	}
	return nil
}

// emitTask sends a packet to its socket, on the loop of that.
type emitTask struct {
	socket   *Socket
	packet   encodedPacket
	volatile bool
} // fills a cache line, so tasks of different loops do not share one

var emitTasks = sync.Pool{New: func() any { return new(emitTask) }}

func (t *emitTask) Run(*loop.Loop) {
	t.socket.deliver(t.packet, t.volatile)
	t.recycle()
}

func (t *emitTask) recycle() {
	t.packet.release()
	*t = emitTask{}
	emitTasks.Put(t)
}
