package sio

import (
	"context"
	"log/slog"
	"strings"

	"github.com/sioserver/sioserver/codec/socketio"
)

// What becomes of clients and sockets is logged at debug level. The functions
// of this file build nothing unless the logger takes it.

// debugs reports whether the logger takes messages of debug level.
func (srv *Server) debugs() bool {
	return srv.cfg.Logger.Enabled(context.Background(), slog.LevelDebug)
}

func (srv *Server) debug(message string, attrs ...slog.Attr) {
	srv.cfg.Logger.LogAttrs(context.Background(), slog.LevelDebug, message, attrs...)
}

func (s *Socket) logConnected() {
	if srv := s.ns.srv; srv.debugs() {
		srv.debug("sio: socket connected",
			slog.String("namespace", s.ns.name),
			slog.String("socket", s.ID()),
			slog.String("client", s.client.Session.LogID()),
			slog.Bool("recovered", s.Recovered()))
	}
}

// logDisconnected gives cause, which may be nil, beside the reason.
func (s *Socket) logDisconnected(reason Reason, cause error) {
	srv := s.ns.srv
	if !srv.debugs() {
		return
	}
	attrs := []slog.Attr{
		slog.String("namespace", s.ns.name),
		slog.String("socket", s.ID()),
		slog.String("client", s.client.Session.LogID()),
		slog.String("reason", string(reason)),
	}
	if cause != nil {
		attrs = append(attrs, slog.Any("error", cause))
	}
	srv.debug("sio: socket disconnected", attrs...)
}

// logRefused logs that the client may not join a namespace.
func (c *client) logRefused(namespace, message string) {
	if !c.srv.debugs() {
		return
	}
	text := "sio: namespace refused"
	if message == invalidNamespace {
		text = "sio: unknown namespace"
	}
	c.srv.debug(text,
		slog.String("namespace", withoutQuery(namespace)),
		slog.String("client", c.Session.LogID()),
		slog.String("reason", message))
}

// withoutQuery leaves out of a namespace's name what a client has put behind
// it: with protocol 4 that is where tokens are.
func withoutQuery(namespace string) string {
	name, _, _ := strings.Cut(namespace, "?")
	return name
}

// logInvalid logs a packet that can't be decoded.
func (c *client) logInvalid(err error) {
	if c.srv.debugs() {
		c.srv.debug("sio: invalid packet", slog.String("client", c.Session.LogID()), slog.Any("error", err))
	}
}

// logOutOfOrder logs a packet that the client may not send now.
func (c *client) logOutOfOrder(h socketio.Header, s *Socket) {
	if !c.srv.debugs() {
		return
	}
	state := "not joined"
	switch {
	case c.isJoining(h.Namespace):
		state = "connecting"
	case s != nil:
		state = [...]string{"unused", "connecting", "connected", "disconnected", "disconnected"}[s.state.Load()]
	}
	c.srv.debug("sio: packet out of order",
		slog.String("client", c.Session.LogID()),
		slog.String("namespace", withoutQuery(string(h.Namespace))),
		slog.String("packet", h.Type.String()),
		slog.String("state", state))
}

// logEnded logs why the server closes a client's connection.
func (c *client) logEnded(cause error) {
	if c.srv.debugs() {
		c.srv.debug("sio: closing a connection", slog.String("client", c.Session.LogID()), slog.Any("error", cause))
	}
}

// logFailed logs what a handler of an event has returned.
func (s *Socket) logFailed(message, event string, err error) {
	if srv := s.ns.srv; srv.debugs() {
		srv.debug(message,
			slog.String("namespace", s.ns.name),
			slog.String("socket", s.ID()),
			slog.String("event", event),
			slog.Any("error", err))
	}
}
