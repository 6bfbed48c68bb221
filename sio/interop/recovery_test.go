package interop

import (
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestRecovery gives a client that loses its connection its socket back, again
// and again, with the events that it has missed.
func TestRecovery(t *testing.T) {
	sockets, lost := make(chan *sio.Socket, 1), make(chan bool, 1)
	srv, url := serve(t, sio.Config{ConnectionStateRecovery: &sio.Recovery{}}, func(srv *sio.Server) {
		srv.OnConnection(func(s *sio.Socket) { sockets <- s })
		srv.OnDisconnect(func(*sio.Socket, sio.Reason) { lost <- true })
	})
	d := newDriver(t)
	for _, c := range transports {
		options := map[string]any{"reconnectionDelay": 300, "reconnectionDelayMax": 300}
		for k, v := range c.options {
			options[k] = v
		}
		a := d.open(c.name, url, options)
		id := a.expect("connect").Text
		s := wait.For(t, "the socket", sockets)
		s.Join("room")
		if c.upgrade {
			a.expectText("upgrade", "websocket")
		}
		for round := range 3 {
			if err := s.Emit("seen", round); err != nil {
				t.Fatal(err)
			}
			offset := a.expect("event") // with its offset
			if offset.Text != "seen" || len(offset.Args) != 2 {
				t.Fatalf("got %v", offset)
			}
			a.tell(command{Do: "drop", Client: a.name})
			wait.For(t, "the disconnection", lost)
			if err := srv.To("room").Emit("missed", round, []byte{1}); err != nil {
				t.Fatal(err)
			}
			if err := srv.To("elsewhere").Emit("not for it"); err != nil {
				t.Fatal(err)
			}
			s = wait.For(t, "the socket", sockets)
			if back := a.expect("connect").Text; back != id || s.ID() != id || !s.Recovered() {
				t.Fatalf("%s is back as %s", id, back)
			}
			if r := a.expect("event"); r.Text != "missed" || len(r.Args) != 3 {
				t.Fatalf("got %v", r)
			}
		}
		a.disconnect()
		wait.For(t, "the disconnection", lost)
	}
}
