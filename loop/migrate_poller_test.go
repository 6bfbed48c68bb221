//go:build linux && !goroutines

package loop_test

import (
	"errors"
	"testing"

	"github.com/sioserver/sioserver/loop"
)

// TestPeerResetsBeforeTheMove moves connections that are already reset; a
// descriptor that is lost on the way shows in TestMain.
func TestPeerResetsBeforeTheMove(t *testing.T) {
	var e *loop.Engine
	moving, reset, closed := make(chan struct{}), make(chan struct{}), make(chan error)
	after := &recorder{closed: func(_ *loop.Conn, err error) { closed <- err }}
	e = start(t, loop.Config{Loops: 2}, func(*loop.Conn) loop.Handler {
		return &recorder{data: func(c *loop.Conn, b []byte) {
			moving <- struct{}{}
			<-reset
			c.MoveTo(e.Loops()[1-c.Loop().Index()], b, after.accept)
		}}
	})
	for range 5 {
		c := dial(t, e)
		c.SetLinger(0)
		c.Write([]byte("x"))
		<-moving
		c.Close()
		reset <- struct{}{}
		if err := <-closed; !errors.Is(err, loop.ErrLostMove) || after.got.Len() != 0 {
			t.Fatalf("closed with %v, got %q", err, after.got.String())
		}
	}
	if s := e.Stats(); s.LostMoves != 5 {
		t.Fatalf("%+v", s)
	}
}
