package eio

import (
	"context"
	"log/slog"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// The life of connections is logged at debug level. The functions of this file
// build nothing unless the logger takes that level.

// debugs reports whether the logger takes messages of debug level.
func (srv *Server) debugs() bool {
	return srv.cfg.Logger.Enabled(context.Background(), slog.LevelDebug)
}

func (srv *Server) debug(message string, attrs ...slog.Attr) {
	srv.cfg.Logger.LogAttrs(context.Background(), slog.LevelDebug, message, attrs...)
}

func (s *Session) logOpened() {
	if srv := s.home.srv; srv.debugs() {
		srv.debug("eio: connection opened",
			slog.String("client", s.ID()),
			slog.String("transport", s.Transport()),
			slog.Int("protocol", s.Protocol()),
			slog.String("remote", s.RemoteAddr().String()))
	}
}

func (s *Session) logUpgraded() {
	if srv := s.home.srv; srv.debugs() {
		srv.debug("eio: connection upgraded", slog.String("client", s.ID()), slog.String("transport", s.Transport()))
	}
}

func (s *Session) logProbeClosed() {
	if srv := s.home.srv; srv.debugs() {
		srv.debug("eio: upgrade given up", slog.String("client", s.ID()))
	}
}

// logClosed logs the end of a session; err, which may be nil, is the cause.
func (s *Session) logClosed(reason Reason, err error) {
	srv := s.home.srv
	if !srv.debugs() {
		return
	}
	attrs := []slog.Attr{
		slog.String("client", s.ID()),
		slog.String("transport", s.Transport()),
		slog.String("remote", s.RemoteAddr().String()),
		slog.String("reason", string(reason)),
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	srv.debug("eio: connection closed", attrs...)
}

// logRefused logs a request that the engine refuses.
func (h *httpConn) logRefused(req *http1.Request, r refusal, context ErrorContext) {
	srv := h.home.srv
	if !srv.debugs() {
		return
	}
	e := ConnectionError{Code: r.code, Message: r.message, Context: context}
	srv.debug("eio: request refused",
		slog.Int("code", r.code),
		slog.String("reason", e.reason()),
		slog.String("method", string(req.Method)),
		slog.String("target", string(req.Target)),
		slog.String("remote", h.c.RemoteAddr().String()))
}

// logInvalid logs a request that the rules of HTTP or of the WebSocket
// handshake exclude.
func (h *httpConn) logInvalid(err error) {
	if srv := h.home.srv; srv.debugs() {
		srv.debug("eio: invalid request", slog.Any("error", err), slog.String("remote", h.c.RemoteAddr().String()))
	}
}
