// Package listen serves the Engine.IO servers of tests.
package listen

import (
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
)

// Loopback serves srv on a loopback port until the test ends. No callback may
// have panicked by then. cfg has the rest of what the loops are made of.
func Loopback(t *testing.T, srv *eio.Server, cfg loop.Config) *loop.Engine {
	t.Helper()
	cfg.Addr = "127.0.0.1:0"
	engine, err := loop.Listen(cfg, srv.Accept)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Close()
		_ = srv.CloseFallback(t.Context()) // which is done
		if err := engine.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		if n := engine.Stats().Panics; n != 0 {
			t.Errorf("%d callbacks panicked", n)
		}
	})
	return engine
}
