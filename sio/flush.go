package sio

import (
	"context"
	"errors"

	"github.com/sioserver/sioserver/eio"
)

// Queued is how many bytes wait for the socket's client, its other sockets'
// included: what the kernel does not take because the client reads too slowly,
// and over polling what the client has not fetched. What was emitted a moment ago
// may not be counted yet: to be sure, wait with [Socket.Flush]. It never blocks.
func (s *Socket) Queued() int { return s.client.Unsent() }

// Flush waits until what was emitted to the socket before, by this goroutine, has
// left: so one who sends much, such as a file in pieces, sends as fast as the client
// reads, and no faster. Over WebSocket it has left when the kernel has taken it,
// with TLS or another connection that [Server.Handler] has brought but for 128 KiB;
// over polling when it was put into the answer to the client's request. That does
// not mean that the client has received it: see [Socket.EmitAck]. Broadcasts that
// are held while connection handlers run ([Namespace.OnConnection]) are not waited
// for.
//
// It returns nil then, [ErrDisconnected] when the socket is disconnected before, or
// the error of ctx. It must not be called by an [Inline] handler, nor by anything
// else that runs on a loop. It costs nothing unless it is called.
func (s *Socket) Flush(ctx context.Context) error {
	if !s.open() {
		return ErrDisconnected
	}
	either, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(s.Context(), cancel)
	defer stop()
	err := s.Conn().Flush(either)
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return ErrDisconnected
	}
	return err
}

// Queued is how many bytes wait for the client: see [Socket.Queued].
func (c *Conn) Queued() int { return c.Unsent() }

// Flush waits until what was emitted to the connection's sockets before has left:
// see [Socket.Flush]. It returns [ErrDisconnected] when the connection ends before.
func (c *Conn) Flush(ctx context.Context) error {
	err := c.Session.Flush(ctx)
	if errors.Is(err, eio.ErrSessionClosed) {
		return ErrDisconnected
	}
	return err
}
