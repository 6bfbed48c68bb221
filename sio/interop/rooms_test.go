package interop

import (
	"context"
	"testing"

	"github.com/sioserver/sioserver/sio"
)

// TestRooms broadcasts to every kind of target: each client gets exactly its
// own events, and then the one that ends the round.
func TestRooms(t *testing.T) {
	srv, url := serve(t, sio.Config{Loops: 2}, func(srv *sio.Server) {
		sio.OnAck(srv, "join", func(_ context.Context, s *sio.Socket, rooms []string) (int, error) {
			s.Join(rooms...)
			return len(s.Rooms()), nil
		})
		sio.OnAck(srv, "leave", func(_ context.Context, s *sio.Socket, room string) (int, error) {
			s.Leave(room)
			return len(s.Rooms()), nil
		})
		for name, target := range map[string]func(s *sio.Socket) sio.BroadcastOperator{
			"to red":               func(s *sio.Socket) sio.BroadcastOperator { return s.To("red") },
			"to red and blue":      func(s *sio.Socket) sio.BroadcastOperator { return s.To("red").To("blue") },
			"all but me":           func(s *sio.Socket) sio.BroadcastOperator { return s.Broadcast() },
			"all but me and blue":  func(s *sio.Socket) sio.BroadcastOperator { return s.Except("blue") },
			"server to red":        func(*sio.Socket) sio.BroadcastOperator { return srv.To("red") },
			"server to all":        func(*sio.Socket) sio.BroadcastOperator { return srv.To() },
			"server except red":    func(*sio.Socket) sio.BroadcastOperator { return srv.Except("red") },
			"red except blue":      func(*sio.Socket) sio.BroadcastOperator { return srv.In("red").Except("blue") },
			"me by id":             func(s *sio.Socket) sio.BroadcastOperator { return srv.To(s.ID()) },
			"my own id, excluding": func(s *sio.Socket) sio.BroadcastOperator { return s.To(s.ID()) },
		} {
			sio.OnAck(srv, name, func(_ context.Context, s *sio.Socket, _ sio.None) (bool, error) {
				return true, target(s).Emit(name, 1, []byte{2})
			})
		}
	})
	d := newDriver(t)
	red := d.join("red", url, map[string]any{"transports": []string{"websocket"}})
	both := d.join("both", url, map[string]any{"transports": []string{"polling"}})
	blue := d.join("blue", url, map[string]any{"transports": []string{"websocket"}})
	none := d.join("none", url, nil)
	red.ask("join", []string{"red"})
	both.ask("join", []string{"red", "blue"})
	blue.ask("join", []string{"blue", "gone"})
	same(t, blue.ask("leave", "gone"), []any{2}) // its own room and blue

	all := []*client{red, both, blue, none}
	for _, c := range []struct {
		name    string
		sender  *client
		reached []*client
	}{
		{"to red", none, []*client{red, both}},
		{"to red", red, []*client{both}},
		{"to red and blue", none, []*client{red, both, blue}},
		{"all but me", red, []*client{both, blue, none}},
		{"all but me and blue", red, []*client{none}},
		{"server to red", red, []*client{red, both}},
		{"server to all", red, all},
		{"server except red", red, []*client{blue, none}},
		{"red except blue", none, []*client{red}},
		{"me by id", blue, []*client{blue}},
		{"my own id, excluding", blue, nil},
	} {
		t.Run(c.sender.name+": "+c.name, func(t *testing.T) {
			d.t = t
			c.sender.ask(c.name)
			if err := srv.Emit("end"); err != nil {
				t.Fatal(err)
			}
			for _, r := range c.reached {
				r.expectEvent(c.name, 1, bytes(2))
			}
			for _, r := range all {
				r.expectEvent("end")
			}
		})
	}
}
