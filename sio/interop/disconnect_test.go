package interop

import (
	"context"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestReconnection stops the server and starts another on the same port: the
// client comes back by itself, over each transport.
func TestReconnection(t *testing.T) {
	for _, c := range transports {
		t.Run(c.name, func(t *testing.T) {
			reasons := make(chan sio.Reason, 1)
			prepare := func(srv *sio.Server) {
				srv.OnDisconnect(func(_ *sio.Socket, reason sio.Reason) { reasons <- reason })
				sio.OnAck(srv, "ping", func(_ context.Context, _ *sio.Socket, i int) (int, error) { return i, nil })
			}
			first, url := serve(t, sio.Config{}, prepare)
			a := newDriver(t).join("a", url, c.options)
			if c.upgrade {
				a.expectText("upgrade", "websocket")
			}
			same(t, a.ask("ping", 1), []any{1})
			addr := first.Addr().String()
			shutdown(t, first)
			if reason := wait.For(t, "the reason", reasons); reason != sio.ServerShuttingDown {
				t.Errorf("the server's reason is %q", reason)
			}
			gone := a.expect("disconnect")
			if gone.Text != "transport close" && gone.Text != "transport error" {
				t.Errorf("the client's reason is %q", gone.Text)
			}
			serve(t, sio.Config{}, prepare, addr)
			a.expect("reconnect")
			a.expect("connect")
			same(t, a.ask("ping", 2), []any{2})
			a.disconnect()
			if reason := wait.For(t, "the reason", reasons); reason != sio.ClientNamespaceDisconnect {
				t.Errorf("the second server's reason is %q", reason)
			}
		})
	}
}

// TestDisconnectReasons ends connections in each way and compares what the two
// sides say.
func TestDisconnectReasons(t *testing.T) {
	reasons := make(chan sio.Reason, 1)
	// A silent client gives up one interval after the server has.
	_, url := serve(t, sio.Config{PingInterval: 700 * time.Millisecond, PingTimeout: time.Second}, func(srv *sio.Server) {
		srv.OnDisconnect(func(_ *sio.Socket, reason sio.Reason) { reasons <- reason })
		sio.On(srv, "leave", func(_ context.Context, s *sio.Socket, whole bool) error {
			s.Disconnect(whole)
			return nil
		})
	})
	d := newDriver(t)
	for _, c := range []struct {
		name           string
		end            func(c *client)
		server, client string
	}{
		{"client disconnects", func(c *client) { c.disconnect() }, "client namespace disconnect", "io client disconnect"},
		{"server disconnects", func(c *client) { c.emit("leave", false) }, "server namespace disconnect", "io server disconnect"},
		{"server disconnects all", func(c *client) { c.emit("leave", true) }, "server namespace disconnect", "io server disconnect"},
		{"connection is lost", func(c *client) { c.tell(command{Do: "drop", Client: c.name}) }, "transport close", "forced close"},
		{"client is silent", func(c *client) { c.tell(command{Do: "silence", Client: c.name}) }, "ping timeout", "transport close"},
	} {
		for _, tr := range transports[:2] {
			t.Run(c.name+" over "+tr.name, func(t *testing.T) {
				d.t = t
				options := map[string]any{"reconnection": false, "transports": []string{tr.name}}
				a := d.join(c.name+tr.name, url, options)
				c.end(a)
				if reason := wait.For(t, "the reason", reasons); string(reason) != c.server {
					t.Errorf("the server says %q, want %q", reason, c.server)
				}
				a.expectText("disconnect", c.client)
			})
		}
	}
}
