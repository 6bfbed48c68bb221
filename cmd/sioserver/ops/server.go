package ops

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// Server serves the state, the metrics and the runtime's profiles on an address of their
// own.
type Server struct {
	http *http.Server
	addr net.Addr
}

// Listen serves state at /healthz and /readyz, metrics at /metrics, and profiles
// below /debug/pprof/, until Close; at /debug/log the scopes of the log are set. They show what the program does, so no
// client must reach the address.
func Listen(addr string, state *State, metrics *Metrics, scopes *sio.LogScopes, log *slog.Logger) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	state.Route(mux)
	mux.Handle("GET /metrics", metrics.handler())
	routeLog(mux, scopes)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	s := &Server{
		http: &http.Server{
			Handler:           mux,
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       time.Minute,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
		addr: listener.Addr(),
	}
	go func() {
		if err := s.http.Serve(listener); err != http.ErrServerClosed {
			log.Error("the address for operators is not served any more", "error", err)
		}
	}()
	return s, nil
}

// Addr is the address that is served.
func (s *Server) Addr() net.Addr { return s.addr }

// Close ends it, and the requests that it serves.
func (s *Server) Close() { _ = s.http.Close() }
