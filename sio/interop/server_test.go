package interop

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// newServer makes a server that logs nothing, but whose records are formatted.
func newServer(t *testing.T, cfg sio.Config, prepare func(srv *sio.Server)) *sio.Server {
	t.Helper()
	cfg.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	srv, err := sio.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	prepare(srv)
	return srv
}

// serve starts a server on addr, or on a free port, and returns it with its
// URL. It ends with the test.
func serve(t *testing.T, cfg sio.Config, prepare func(srv *sio.Server), addr ...string) (*sio.Server, string) {
	t.Helper()
	srv := newServer(t, cfg, prepare)
	at := "127.0.0.1:0"
	if len(addr) > 0 {
		at = addr[0]
	}
	if err := srv.Listen(at); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, srv) })
	scheme := "http://"
	if cfg.TLS != nil {
		scheme = "https://"
	}
	return srv, scheme + srv.Addr().String()
}

// certificate is what a server needs for TLS. Clients must not check it.
var certificate = sync.OnceValue(func() *tls.Config {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates}
})

func shutdown(t *testing.T, srv *sio.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// arguments decodes all arguments of an event.
func arguments(e *sio.Event) ([]any, error) {
	args := make([]any, e.Len())
	to := make([]any, len(args))
	for i := range args {
		to[i] = &args[i]
	}
	return args, e.Bind(to...)
}
