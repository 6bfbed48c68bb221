package sio_test

import (
	"context"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestLateHandlersGiveWay: handlers that wait for clients that have left give
// their places to what waits for one, before Config.LeaveTimeout has passed.
func TestLateHandlersGiveWay(t *testing.T) {
	const places = 3
	begun, over := make(chan context.Context, places), make(chan context.Context, places)
	f := serve(t, sio.Config{MaxHandlers: places, LeaveTimeout: 12 * time.Second}, func(f *fixture) {
		echo(f)
		f.On("wait", func(ctx context.Context, _ *sio.Event) error {
			begun <- ctx
			<-ctx.Done()
			over <- ctx
			return nil
		})
	})
	for range places {
		w := f.join(t)
		wait.For(t, "socket", f.connected)
		w.send(`42["wait"]`, "41")
		if ctx := wait.For(t, "handler", begun); ctx.Err() != nil {
			t.Fatalf("the context of a handler that starts late: %v", ctx.Err())
		}
	}
	w := f.join(t)
	w.alive()
	ctx := wait.For(t, "end of a context", over)
	if err, cause := ctx.Err(), context.Cause(ctx); err != context.Canceled || cause != sio.ErrDisconnected {
		t.Errorf("the context ended with %v, because of %v", err, cause)
	}
}
