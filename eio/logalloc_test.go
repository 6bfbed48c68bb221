package eio

import (
	"errors"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// TestLogAllocs: at the default level the log allocates nothing.
func TestLogAllocs(t *testing.T) {
	srv := &Server{cfg: Config{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}}
	srv.logs = newLogs(srv.cfg.Logger)
	home := &perLoop{srv: srv}
	s, h, req, err := &Session{home: home}, &httpConn{home: home}, &http1.Request{}, errors.New("an error")
	if n := testing.AllocsPerRun(100, func() {
		s.logOpened()
		s.logUpgraded()
		s.logProbeClosed()
		s.logClosed(TransportClose, err)
		h.logRefused(req, refuseMethod, ErrorContext{Method: "PUT", Err: err})
		srv.logInvalid(err, netip.AddrPort{})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
