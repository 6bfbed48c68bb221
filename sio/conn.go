package sio

import (
	"context"
	"errors"
	"net/netip"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
)

// Conn is the connection of one client, which its sockets share. It is safe for
// concurrent use.
type Conn client

// connOf is the connection of a session.
func connOf(s *eio.Session) *Conn { return (*Conn)(s.App.(*client)) }

// Conn is the connection of the socket's client.
func (s *Socket) Conn() *Conn { return (*Conn)(s.client) }

// ID is the connection's id, which is not that of a socket.
func (c *Conn) ID() string { return c.Session.ID() }

// Transport is the current transport, "polling" or "websocket".
func (c *Conn) Transport() string { return c.Session.Transport() }

// Protocol is the number of the Engine.IO protocol, 4 or 3.
func (c *Conn) Protocol() int { return c.Session.Protocol() }

// RemoteAddr is the peer's address when the connection was made.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.Session.RemoteAddr() }

// Request is the first HTTP request; nil once [Config.DiscardRequest] has had
// its effect, or DiscardRequest was called.
func (c *Conn) Request() *eio.Request { return c.Session.Request() }

// DiscardRequest drops the first HTTP request, which saves about 230 bytes. See
// [Config.DiscardRequest] for what is lost.
func (c *Conn) DiscardRequest() { c.Session.DiscardRequest() }

// Close closes the connection, after what was sent has been delivered unless
// discard is set. Its sockets are disconnected with [ForcedClose]. Their events
// that wait are not handled.
func (c *Conn) Close(discard bool) { c.Loop().Post(&closeTask{c, discard}) }

// closeTask is a connection to be closed.
type closeTask struct {
	c       *Conn
	discard bool
}

func (t *closeTask) Run(*loop.Loop) {
	(*client)(t.c).ended = true
	if !t.discard {
		(*client)(t.c).sendHeld()
	}
	t.c.Session.Close(t.discard)
}

// Queued is how many bytes wait for the socket's client, its other sockets'
// included: what the kernel does not take because the client reads too slowly,
// and over polling what the client has not fetched. What was emitted a moment
// ago may not be counted yet: to be sure, wait with [Socket.Flush]. It never
// blocks.
func (s *Socket) Queued() int { return s.client.Unsent() }

// Flush waits until what was emitted to the socket before, by this goroutine,
// has left: so a caller that sends a file in pieces, for example, sends as fast
// as the client reads, and no faster. Over WebSocket it has left when the
// kernel has taken it, with TLS or another connection that [Server.Handler] has
// brought but for 128 KiB; over polling when it was put into the answer to the
// client's request. That does not mean that the client has received it: see
// [Socket.EmitAck]. Broadcasts that are held while connection handlers run
// ([Namespace.OnConnection]) are not waited for.
//
// It returns nil then, [ErrDisconnected] when the socket is disconnected
// before, or the error of ctx. It must not be called by an [Inline] handler,
// nor by anything else that runs on a loop. It costs nothing unless it is
// called.
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

// Flush waits until what was emitted to the connection's sockets before has
// left: see [Socket.Flush]. It returns [ErrDisconnected] when the connection
// ends before.
func (c *Conn) Flush(ctx context.Context) error {
	err := c.Session.Flush(ctx)
	if errors.Is(err, eio.ErrSessionClosed) {
		return ErrDisconnected
	}
	return err
}
