package sio

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/sio/adapter"
)

// pendingAck is an acknowledgement that a socket waits for.
type pendingAck struct {
	id   uint64
	sink ackSink
}

// ackSink takes what becomes of an acknowledgement: one call of one method, on
// any goroutine.
type ackSink interface {
	reply(args RawArgs) // the sink's own
	gone()
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

// endAcks notifies sinks that their client is gone, on its loop. It notifies
// those of an adapter on a goroutine, because they may not return.
func (srv *Server) endAcks(acks []pendingAck) {
	var others []pendingAck
	for _, a := range acks {
		if c, ok := a.sink.(*broadcastAck); ok && !c.own() {
			others = append(others, a)
			continue
		}
		a.sink.gone()
	}
	if len(others) > 0 {
		go inTurn(others, func(a pendingAck) { srv.protect("acknowledgement", a.sink.gone) })
	}
}

var errNoAnswer = errors.New("sio: the parser has not returned")
