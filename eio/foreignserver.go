package eio

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// foreignServer is a net/http server for the connections that the loops hand to
// it. It has no goroutine while it has no connection. Safe for concurrent use.
type foreignServer struct {
	srv    *Server
	http   http.Server
	places callbackQueue
	limit  time.Duration // how long a peer may take for a part of a request or an answer
}

func newForeignServer(srv *Server) *foreignServer {
	f := &foreignServer{srv: srv, limit: srv.cfg.RequestTimeout}
	f.places.limit = srv.cfg.MaxCallbacks
	f.http = http.Server{
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, foreignKey{}, c)
		},
		Handler:           f,
		ReadHeaderTimeout: srv.cfg.RequestTimeout,
		IdleTimeout:       srv.cfg.IdleTimeout,
		MaxHeaderBytes:    http1.MaxHead,

		DisableGeneralOptionsHandler: true,

		ErrorLog:  slog.NewLogLogger(srv.cfg.Logger.Handler(), slog.LevelDebug),
		ConnState: func(c net.Conn, s http.ConnState) { c.(*foreignConn).turn(s) },
	}
	return f
}

// serve serves c until it is closed or leaves. It does not wait for that.
func (f *foreignServer) serve(c *foreignConn) {
	l := &oneConn{conn: c}
	_ = f.http.Serve(l) // returns at once: Accept fails the second time
	if !l.accepted {    // the server is shut down
		_ = c.Close()
	}
}

// linger returns how long a connection is kept without a request.
func (f *foreignServer) linger() time.Duration {
	if _, waiting := f.places.counts(); waiting > 0 {
		return lingerBusy
	}
	return min(lingerIdle, f.srv.cfg.IdleTimeout)
}

// oneConn is a listener that accepts one connection.
type oneConn struct {
	conn     *foreignConn
	accepted bool
}

func (l *oneConn) Accept() (net.Conn, error) {
	if l.accepted {
		return nil, io.EOF
	}
	l.accepted = true
	return l.conn, nil
}

func (l *oneConn) Close() error { return nil }

func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }

// ServeHTTP calls Config.Fallback.
func (f *foreignServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c, ok := r.Context().Value(foreignKey{}).(*foreignConn); ok {
		if conn, ok := c.Conn.(*tls.Conn); ok {
			state := conn.ConnectionState()
			r.TLS = &state
		}
	}
	failed := false
	f.srv.hooks.run("Config.Fallback", func() { f.srv.cfg.Fallback.ServeHTTP(w, r) },
		func(err error) { failed = err != nil }, "path", r.URL.Path)
	if failed {
		panic(http.ErrAbortHandler) // the handler has not finished its answer
	}
}

// foreignKey is the key of the connection in the context of its requests.
type foreignKey struct{}

// FallbackStats are the figures of Config.Fallback.
type FallbackStats struct {
	// Connections is how many connections net/http serves for it now, or the
	// handler has hijacked and not closed. Waiting is how many wait for a
	// place, of which there are Config.MaxCallbacks.
	Connections, Waiting int
}

// FallbackStats returns the figures. Safe for concurrent use.
func (srv *Server) FallbackStats() (s FallbackStats) {
	if srv.foreign != nil {
		s.Connections, s.Waiting = srv.foreign.places.counts()
	}
	return s
}

// CloseFallback waits until Config.Fallback has answered the requests that it
// serves, and refuses new ones. When ctx ends first, it closes their
// connections and returns ctx's error. It leaves alone what was hijacked. Safe
// for concurrent use.
func (srv *Server) CloseFallback(ctx context.Context) error {
	if srv.foreign == nil {
		return nil
	}
	err := srv.foreign.http.Shutdown(ctx)
	if err != nil {
		_ = srv.foreign.http.Close()
	}
	return err
}
