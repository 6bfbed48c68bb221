package interop

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/sio"
)

// TestAddressLimits: a stock client whose address opens connections too fast
// reports an error, tries again by itself and gets in.
func TestAddressLimits(t *testing.T) {
	srv, url := serve(t, sio.Config{AddressLimits: &eio.AddressLimits{Handshakes: eio.Rate{PerSecond: 1, Burst: 1}}}, func(*sio.Server) {})
	d := newDriver(t)
	for name, options := range map[string]map[string]any{
		"polling":   {"transports": []string{"polling"}},
		"websocket": {"transports": []string{"websocket"}},
	} {
		d.join(name+" 1", url, options) // perhaps after a while, too
		c := d.open(name+" 2", url, options)
		c.expect("connect_error")
		c.expect("connect")
	}
	if st := srv.Stats().Addresses; st.TooManyHandshakes == 0 {
		t.Errorf("%+v", st)
	}
}

// TestEventLimits: a stock client that sends too fast is slowed down, over each
// transport, and reads the error of an event that is refused.
func TestEventLimits(t *testing.T) {
	_, url := serve(t, sio.Config{EventLimits: &sio.EventLimits{Socket: eio.Rate{PerSecond: 200, Burst: 5}}}, func(srv *sio.Server) {
		echo := func(_ context.Context, _ *sio.Socket, n int) (int, error) { return n, nil }
		sio.OnAck(srv, "echo", echo)
		sio.OnAck(srv, "rare", echo, sio.Limit(0.001, 1))
		sio.OnAck(srv, "fails", func(context.Context, *sio.Socket, int) (int, error) {
			return 0, &sio.Error{Message: "no such room", Code: "not_found", Data: 7}
		})
	})
	d := newDriver(t)
	for _, transport := range []string{"polling", "websocket"} {
		c := d.join(transport, url, map[string]any{"transports": []string{transport}})
		for i := range 50 {
			c.emit("echo", i)
		}
		same(t, c.ask("echo", 50), []any{50})
		same(t, c.ask("rare", 1), []any{1})
		var refused struct {
			Error struct {
				Code string
				Data struct{ RetryAfter int }
			}
		}
		if args := c.ask("rare", 2); len(args) != 1 || json.Unmarshal(args[0], &refused) != nil ||
			refused.Error.Code != "too_many_events" || refused.Error.Data.RetryAfter <= 0 {
			t.Errorf("%s", args)
		}
		same(t, c.ask("fails", 1), []any{map[string]any{"error": map[string]any{"message": "no such room", "code": "not_found", "data": 7}}})
	}
}
