package eio

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/netip"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop/logscope"
)

// The life of connections is logged at debug level. The functions of this file
// build nothing unless the logger takes that level. No level has what gives
// access: sids, queries, headers, and what messages contain.

// logs are the server's loggers for details.
type logs struct{ engine, socket logscope.Logger }

func newLogs(l *slog.Logger) logs {
	return logs{logscope.Of(l, logscope.Engine), logscope.Of(l, logscope.EngineSocket)}
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
	if log := &s.home.srv.logs.socket; log.Details() {
		log.Detail("eio: connection opened",
			slog.String("client", s.LogID()),
			slog.String("transport", s.Transport()),
			slog.Int("protocol", s.Protocol()),
			slog.String("remote", s.RemoteAddr().String()))
	}
}

func (s *Session) logUpgraded() {
	if log := &s.home.srv.logs.socket; log.Details() {
		log.Detail("eio: connection upgraded", slog.String("client", s.LogID()), slog.String("transport", s.Transport()))
	}
}

func (s *Session) logProbeClosed() {
	if log := &s.home.srv.logs.socket; log.Details() {
		log.Detail("eio: upgrade given up", slog.String("client", s.LogID()))
	}
}

// logClosed logs the end of a session; err, which may be nil, is the cause.
func (s *Session) logClosed(reason Reason, err error) {
	log := &s.home.srv.logs.socket
	if !log.Details() {
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
	log.Detail("eio: connection closed", attrs...)
}

// logRefused logs a request that the engine refuses.
func (h *httpConn) logRefused(req *http1.Request, r refusal, context ErrorContext) {
	log := &h.home.srv.logs.engine
	if !log.Details() {
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
	log.Detail("eio: request refused", append(attrs, slog.String("remote", h.remoteAddr(req).String()))...)
}

// logInvalid logs a request of the connection: see Server.logInvalid.
func (h *httpConn) logInvalid(err error) {
	h.home.srv.logInvalid(err, h.c.RemoteAddr())
}

// logInvalid logs what the rules of HTTP, of the WebSocket handshake or of the
// PROXY protocol exclude.
func (srv *Server) logInvalid(err error, remote netip.AddrPort) {
	if log := &srv.logs.engine; log.Details() {
		log.Detail("eio: invalid request", slog.Any("error", err), slog.String("remote", remote.String()))
	}
}
