package sio

import (
	"context"
	"fmt"
	"sync"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/loop"
)

// Emit sends an event to the socket's client. It encodes args before it
// returns: []byte values, at any depth, are sent as binary attachments,
// everything else as JSON. It returns [ErrReservedEvent], [ErrDisconnected], or
// the error of an argument that has no JSON form. That it returns nil does not
// mean that the client has received anything: see [Socket.EmitAck].
func (s *Socket) Emit(event string, args ...any) error {
	return SocketEmitter{socket: s}.Emit(event, args...)
}

// EmitAck sends an event and waits for the client's acknowledgement, whose
// arguments it returns. It fails like Emit, with the error of ctx when that
// ends first, or with [ErrDisconnected] when the socket does; an
// acknowledgement that comes later is ignored. It must not be called by an
// [Inline] handler. [EmitAck] also decodes the answer.
func (s *Socket) EmitAck(ctx context.Context, event string, args ...any) (RawArgs, error) {
	return SocketEmitter{socket: s}.EmitAck(ctx, event, args...)
}

// Volatile returns an emitter to the socket whose packets may be lost: see
// [BroadcastOperator.Volatile].
func (s *Socket) Volatile() SocketEmitter { return SocketEmitter{socket: s, volatile: true} }

// SocketEmitter emits to one socket with options. It is immutable.
type SocketEmitter struct {
	socket   *Socket
	volatile bool
}

// Emit sends an event: see [Socket.Emit].
func (o SocketEmitter) Emit(event string, args ...any) error {
	if err := checkEvent(event); err != nil {
		return err
	}
	s := o.socket
	if !s.open() {
		return ErrDisconnected
	}
	m, err := eventMessage(s.ns, 0, false, event, args)
	if err != nil {
		return err
	}
	return s.post(m, o.volatile)
}

func checkEvent(event string) error {
	if socketio.Reserved(event) {
		return fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	return nil
}

// sendAck answers an event.
func (s *Socket) sendAck(id uint64, args []any) error {
	if !s.open() {
		return ErrDisconnected
	}
	m, err := ackMessage(s.ns, id, args)
	if err != nil {
		return err
	}
	return s.post(m, false)
}

// post hands m, whose reference it takes over, to the socket's loop.
func (s *Socket) post(m message, volatile bool) error {
	t := emitTasks.Get().(*emitTask)
	*t = emitTask{s, m, volatile}
	if !s.client.Loop().Post(t) {
		t.recycle()
		return ErrDisconnected
	}
	return nil
}

// emitTask is a message on its way to its socket.
type emitTask struct {
	socket   *Socket
	message  message
	volatile bool
}

var emitTasks = sync.Pool{New: func() any { return new(emitTask) }}

func (t *emitTask) Run(*loop.Loop) {
	t.socket.deliver(t.message, t.volatile)
	t.recycle()
}

func (t *emitTask) recycle() {
	t.message.release()
	*t = emitTask{}
	emitTasks.Put(t)
}
