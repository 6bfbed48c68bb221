package sio

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/await"
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
// acknowledgement that comes later is ignored. None arrives while the client's
// connection is not read (see [Config].MaxPending), so ctx should have a
// deadline. It must not be called by an [Inline] handler. [EmitAck] also
// decodes the answer.
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

// call is an EmitAck in progress.
type call struct{ result chan callResult }

type callResult struct {
	args RawArgs
	err  error
}

var calls = sync.Pool{New: func() any { return &call{make(chan callResult, 1)} }}

func (c *call) reply(args RawArgs) { c.result <- callResult{args: args} }

func (c *call) gone() { c.result <- callResult{err: ErrDisconnected} }

// EmitAck sends an event and waits for the acknowledgement: see
// [Socket.EmitAck].
func (o SocketEmitter) EmitAck(ctx context.Context, event string, args ...any) (RawArgs, error) {
	if err := checkEvent(event); err != nil {
		return RawArgs{}, err
	}
	if o.timeout > 0 {
		limited, cancel := deadline(ctx, o.timeout)
		defer cancel()
		ctx = limited
	}
	if ctx.Err() != nil {
		return RawArgs{}, adapter.EndOf(ctx)
	}
	s := o.socket
	c := calls.Get().(*call)
	id, ok := s.expectAck(c)
	if !ok {
		calls.Put(c)
		return RawArgs{}, ErrDisconnected
	}
	idle := false // no sink uses c any more
	defer func() {
		if idle || s.cancelAck(id) != nil {
			calls.Put(c)
		}
	}()
	m, err := s.encodeAwaited(ctx, id, event, args)
	if err == nil {
		err = o.post(m)
	}
	if err != nil {
		return RawArgs{}, err
	}
	select {
	case r := <-c.result:
		idle = true
		return r.args, r.err
	case <-ctx.Done():
		return RawArgs{}, adapter.EndOf(ctx)
	}
}

// expectAck makes sink wait for an acknowledgement with the id that it returns.
func (s *Socket) expectAck(sink ackSink) (id uint64, ok bool) {
	id = s.ns.ackIDs.Add(1) - 1
	return id, s.awaitAck(id, sink)
}

// awaitAck makes sink wait for the acknowledgement with the id. The ids of a
// socket's list ascend.
func (s *Socket) awaitAck(id uint64, sink ackSink) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open() {
		return false
	}
	c := s.extraLocked()
	i, _ := c.findAck(id)
	c.acks = slices.Insert(c.acks, i, pendingAck{id, sink})
	return true
}

// findAck returns the index of the id in the list, or where it belongs.
func (c *socketExtra) findAck(id uint64) (i int, found bool) {
	return slices.BinarySearchFunc(c.acks, id, func(a pendingAck, id uint64) int { return cmp.Compare(a.id, id) })
}

// cancelAck takes an expected acknowledgement out of the list, or returns nil.
func (s *Socket) cancelAck(id uint64) ackSink {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extra == nil {
		return nil
	}
	i, found := s.extra.findAck(id)
	if !found {
		return nil
	}
	sink := s.extra.acks[i].sink
	s.extra.acks = slices.Delete(s.extra.acks, i, i+1)
	return sink
}

// receiveAck hands an acknowledgement to the sink that waits for it. It ignores
// others.
func (s *Socket) receiveAck(h socketio.Header, attachments [][]byte) {
	s.client.perLoop().counts.acksIn.Add(1)
	if !h.HasID {
		return
	}
	// The sink stays in the list meanwhile: the parser may panic or block, and
	// then the context of the sink must still end the wait.
	if !s.expectsAck(h.ID) {
		return
	}
	var args RawArgs
	err := errNoAnswer // if the parser does not return
	defer func() {
		if sink := s.cancelAck(h.ID); sink == nil {
			return
		} else if err != nil {
			sink.gone()
		} else {
			sink.reply(args)
		}
	}()
	args, err = s.ns.srv.codec.splitAck(append([]byte(nil), h.Data...), attachments)
	if err != nil {
		s.client.invalid(err)
	}
}

// expectsAck reports whether an acknowledgement is expected.
func (s *Socket) expectsAck(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extra == nil {
		return false
	}
	_, found := s.extra.findAck(id)
	return found
}

var errNoAnswer = errors.New("sio: the parser has not returned")

// ErrTimeout says that the time given with Timeout, the deadline of a context,
// or a limit of an adapter has passed. It is context.DeadlineExceeded, too.
var ErrTimeout = adapter.ErrTimeout

// deadline limits ctx to d, unless that is 0.
func deadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, d, ErrTimeout)
}

// graceTime is how long a call that has been given a context may take to return
// after its end, with what it has, before it is not waited for any more.
const graceTime = time.Second

// errUnreturned is the error of a call that has not returned: the application's
// code, or an adapter's.
var errUnreturned = errors.New("sio: the call has panicked, or ended its goroutine")

// within calls f on a goroutine of its own, because it runs code of the
// application or of an adapter, which may panic, block or end the goroutine. A
// panic is logged. within waits for f until ctx ends, and then for grace. f may
// go on after that, and given is false.
func within[T any](ctx context.Context, srv *Server, event string, grace time.Duration, f func() (T, error)) (v T, err error, given bool) {
	v, err, given = await.Within(ctx, grace, errUnreturned, func() (v T, err error) {
		err = errUnreturned
		srv.protect(event, func() { v, err = f() })
		return v, err
	})
	if !given {
		err = adapter.EndOf(ctx)
	}
	return v, err, given
}

// plain reports whether arguments are encoded without any of the application's
// code.
func (srv *Server) plain(args []any) bool {
	if !srv.codec.ours() {
		return false
	}
	for _, arg := range args {
		switch v := arg.(type) {
		case nil, bool, string, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64,
			[]byte, json.RawMessage, []string:
		case []any:
			if !srv.plain(v) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// encodeAwaited is encodeEvent for an event that wants an acknowledgement,
// which is not awaited longer than ctx, neither while it is encoded.
func (s *Socket) encodeAwaited(ctx context.Context, id uint64, event string, args []any) (encodedPacket, error) {
	if ctx.Done() == nil || s.ns.srv.plain(args) {
		return encodeEvent(s.ns, id, true, event, args)
	}
	m, err, _ := within(ctx, s.ns.srv, event, 0, func() (encodedPacket, error) {
		return encodeEvent(s.ns, id, true, event, args)
	})
	return m, err
}
