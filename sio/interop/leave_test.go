package interop

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestLeave: stock clients emit many events at once and leave, by disconnect or
// with their process. All events are handled, in order, before the disconnect
// handler is called.
func TestLeave(t *testing.T) {
	const events = 1000
	for _, c := range transports {
		for _, exits := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, exits: %t", c.name, exits), func(t *testing.T) {
				ended, next := make(chan int, 1), 0
				srv, url := serve(t, sio.Config{}, func(srv *sio.Server) {
					sio.On(srv, "n", func(_ context.Context, _ *sio.Socket, n int) error {
						if n != next {
							t.Errorf("event %d comes as number %d", n, next)
						}
						next++
						time.Sleep(time.Millisecond) // the work
						return nil
					})
					srv.OnDisconnect(func(*sio.Socket, sio.Reason) { ended <- next })
				})
				d := newDriver(t)
				a := d.join("a", url, c.options)
				if c.upgrade {
					a.expectText("upgrade", "websocket")
				}
				d.tell(command{Do: "leave", Client: "a", Args: []any{events, exits}})
				if n := wait.For(t, "the end", ended); n != events || srv.Stats().Unhandled != 0 {
					t.Errorf("%d events were handled, %d dropped", n, srv.Stats().Unhandled)
				}
			})
		}
	}
}
