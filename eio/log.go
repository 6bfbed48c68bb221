package eio

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/netip"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// The life of connections is logged at debug level. The functions of this file
// build nothing unless the logger takes that level. No level has what gives
// access: sids, queries, headers, and what messages contain.

// debugs reports whether the logger takes messages of debug level.
func (srv *Server) debugs() bool {
	return srv.cfg.Logger.Enabled(context.Background(), slog.LevelDebug)
}

func (srv *Server) debug(message string, attrs ...slog.Attr) {
	srv.cfg.Logger.LogAttrs(context.Background(), slog.LevelDebug, message, attrs...)
}

// LogID returns what the log calls the session: a digest of the sid, which it
// does not reveal. The sid itself would let readers of the log act as the peer.
// Safe for concurrent use.
func (s *Session) LogID() string { return logID(s.ID()) }

func logID(sid string) string {
	sum := sha256.Sum256([]byte(sid))
	return hex.EncodeToString(sum[:6])
}

func (s *Session) logOpened() {
	if srv := s.home.srv; srv.debugs() {
		srv.debug("eio: connection opened",
			slog.String("client", s.LogID()),
			slog.String("transport", s.Transport()),
			slog.Int("protocol", s.Protocol()),
			slog.String("remote", s.RemoteAddr().String()))
	}
}

func (s *Session) logUpgraded() {
	if srv := s.home.srv; srv.debugs() {
		srv.debug("eio: connection upgraded", slog.String("client", s.LogID()), slog.String("transport", s.Transport()))
	}
}

func (s *Session) logProbeClosed() {
	if srv := s.home.srv; srv.debugs() {
		srv.debug("eio: upgrade given up", slog.String("client", s.LogID()))
	}
}

// logClosed logs the end of a session; err, which may be nil, is the cause.
func (s *Session) logClosed(reason Reason, err error) {
	srv := s.home.srv
	if !srv.debugs() {
		return
	}
	attrs := []slog.Attr{
		slog.String("client", s.LogID()),
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
	q := parseQuery(req)
	attrs := []slog.Attr{
		slog.Int("code", r.code),
		slog.String("reason", e.reason()),
		slog.String("method", string(req.Method)),
		slog.String("path", string(req.Path)),
		slog.String("transport", q.transport),
		slog.Int("protocol", q.wireFormat().protocol()),
	}
	if q.sid != "" {
		attrs = append(attrs, slog.String("client", logID(q.sid)))
	}
	srv.debug("eio: request refused", append(attrs, slog.String("remote", h.remoteAddr(req).String()))...)
}

// logInvalid logs a request of the connection: see Server.logInvalid.
func (h *httpConn) logInvalid(err error) {
	h.home.srv.logInvalid(err, h.c.RemoteAddr())
}

// logInvalid logs what the rules of HTTP, of the WebSocket handshake or of the
// PROXY protocol exclude.
func (srv *Server) logInvalid(err error, remote netip.AddrPort) {
	if srv.debugs() {
		srv.debug("eio: invalid request", slog.Any("error", err), slog.String("remote", remote.String()))
	}
}
