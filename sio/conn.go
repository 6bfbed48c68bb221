package sio

import (
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

// Request is the first HTTP request; nil once [Config.DiscardRequest] has had its
// effect, or DiscardRequest was called.
func (c *Conn) Request() *eio.Request { return c.Session.Request() }

// DiscardRequest drops the first HTTP request, which saves about 500 bytes. See
// [Config.DiscardRequest] for what is lost.
func (c *Conn) DiscardRequest() { c.Session.DiscardRequest() }

// Close closes the connection, after what was sent has been delivered unless
// discard is set. Its sockets are disconnected with [ForcedClose].
// Their events that wait are not handled.
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
