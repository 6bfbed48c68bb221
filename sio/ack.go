package sio

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/sioserver/sioserver/codec/socketio"
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

// EmitAck sends an event and waits for the acknowledgement: see [Socket.EmitAck].
func (o SocketEmitter) EmitAck(ctx context.Context, event string, args ...any) (RawArgs, error) {
	if err := checkEvent(event); err != nil {
		return RawArgs{}, err
	}
	if o.timeout > 0 {
		limited, cancel := deadline(ctx, o.timeout)
		defer cancel()
		ctx = limited
	}
	if err := ctx.Err(); err != nil {
		return RawArgs{}, cause(ctx, err)
	}
	s := o.socket
	c := calls.Get().(*call)
	id, ok := s.expect(c)
	if !ok {
		calls.Put(c)
		return RawArgs{}, ErrDisconnected
	}
	settled := false
	defer func() {
		if settled || s.cancelAck(id) != nil {
			calls.Put(c) // else, after a panic of the encoder, somebody still sends on it
		}
	}()
	m, err := eventMessage(s.ns, id, true, event, args)
	if err == nil {
		err = o.post(m)
	}
	if err == nil {
		select {
		case r := <-c.result:
			settled = true
			return r.args, r.err
		case <-ctx.Done():
			err = cause(ctx, ctx.Err())
		}
	}
	if s.cancelAck(id) == nil {
		<-c.result // it comes just now
	}
	settled = true
	return RawArgs{}, err
}

// expect makes sink wait for an acknowledgement with the id that it returns.
func (s *Socket) expect(sink ackSink) (id uint64, ok bool) {
	id = s.ns.ackIDs.Add(1) - 1
	return id, s.await(id, sink)
}

// await makes sink wait for the acknowledgement with the id. The ids of a
// socket's list ascend.
func (s *Socket) await(id uint64, sink ackSink) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open() {
		return false
	}
	c := s.rareLocked()
	i, _ := c.findAck(id)
	c.acks = slices.Insert(c.acks, i, pendingAck{id, sink})
	return true
}

// findAck returns the index of the id in the list, or where it belongs.
func (c *cold) findAck(id uint64) (i int, found bool) {
	return slices.BinarySearchFunc(c.acks, id, func(a pendingAck, id uint64) int { return cmp.Compare(a.id, id) })
}

// cancelAck takes an expected acknowledgement out of the list, or returns nil.
func (s *Socket) cancelAck(id uint64) ackSink {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cold == nil {
		return nil
	}
	i, found := s.cold.findAck(id)
	if !found {
		return nil
	}
	sink := s.cold.acks[i].sink
	s.cold.acks = slices.Delete(s.cold.acks, i, i+1)
	return sink
}

// receiveAck hands an acknowledgement to who waits for it; others are ignored.
func (s *Socket) receiveAck(h socketio.Header, attachments [][]byte) {
	s.client.part().counts.acksIn.Add(1)
	if !h.HasID {
		return
	}
	sink := s.cancelAck(h.ID)
	if sink == nil {
		return
	}
	var args RawArgs
	err := errNoAnswer // if the parser does not return
	defer func() {
		if err != nil {
			sink.gone()
		}
	}()
	args, err = s.ns.srv.splitAck(append([]byte(nil), h.Data...), attachments)
	if err != nil {
		s.client.invalid(err)
		return
	}
	sink.reply(args)
}

var errNoAnswer = errors.New("sio: the parser has not returned")
