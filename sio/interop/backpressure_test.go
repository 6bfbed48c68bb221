package interop

import (
	"context"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// TestBackPressure: stock clients emit much more at once than may wait for
// handlers, as after a time offline. At default settings all of it is handled,
// in order.
func TestBackPressure(t *testing.T) {
	for _, c := range []struct {
		name    string
		flood   map[string]any
		connect time.Duration // what the connection handler takes
		handle  time.Duration // and that of an event
	}{
		{"5,000 events", map[string]any{"n": 5000, "size": 0}, 0, 0},
		{"1,500 events, a slow connection handler", map[string]any{"n": 1500, "size": 10}, 300 * time.Millisecond, 0},
		{"200 chunks of 64 KiB", map[string]any{"n": 200, "size": 64 << 10, "binary": true}, 0, 2 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			// A session's handlers run on its goroutine, one after the other.
			type progress struct{ next atomic.Int64 }
			srv, url := serve(t, sio.Config{AllowEIO3: true}, func(srv *sio.Server) {
				srv.OnConnection(func(s *sio.Socket) {
					s.SetData(new(progress))
					time.Sleep(c.connect)
				})
				handle := func(s *sio.Socket, n int64) error {
					if want := s.Data().(*progress).next.Add(1) - 1; n != want {
						t.Errorf("event %d came as number %d", n, want)
					}
					time.Sleep(c.handle)
					return nil
				}
				if c.flood["binary"] == true {
					sio.On(srv, "n", func(_ context.Context, s *sio.Socket, a sio.Args2[int64, []byte]) error { return handle(s, a.A) })
				} else {
					sio.On(srv, "n", func(_ context.Context, s *sio.Socket, a sio.Args2[int64, string]) error { return handle(s, a.A) })
				}
				sio.OnAck(srv, "count", func(_ context.Context, s *sio.Socket, _ sio.None) (int64, error) {
					return s.Data().(*progress).next.Load(), nil
				})
			})
			d := newDriver(t)
			for _, name := range []string{"socket.io-client", "socket.io-client-2"} {
				for _, via := range transports {
					if name == "socket.io-client-2" && via.name != "websocket" && c.flood["binary"] == true {
						continue // it knows no maxPayload and puts all into one POST
					}
					client := name + " " + via.name
					options := maps.Clone(via.options)
					if options == nil {
						options = make(map[string]any)
					}
					options["package"], options["flood"], options["reconnection"] = name, c.flood, false
					a := d.join(client, url, options)
					same(t, a.ask("count"), []any{c.flood["n"]})
					a.disconnect()
					a.expect("disconnect")
				}
			}
			if st := srv.Stats(); st.Pauses == 0 || st.Unhandled != 0 {
				t.Errorf("%d pauses, %d events dropped", st.Pauses, st.Unhandled)
			}
		})
	}
}
