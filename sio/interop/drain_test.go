package interop

import (
	"context"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// TestDrain: stock clients that are told to go see their transport close, over
// each transport, and connect to another server by themselves.
func TestDrain(t *testing.T) {
	for _, c := range transports {
		t.Run(c.name, func(t *testing.T) {
			prepare := func(srv *sio.Server) {
				sio.OnAck(srv, "ping", func(_ context.Context, _ *sio.Socket, i int) (int, error) { return i, nil })
			}
			first, url := serve(t, sio.Config{Drain: sio.Drain{Spread: 100 * time.Millisecond}}, prepare)
			_, other := serve(t, sio.Config{}, prepare)
			a := newDriver(t).join("a", url, c.options)
			if c.upgrade {
				a.expectText("upgrade", "websocket")
			}
			same(t, a.ask("ping", 1), []any{1})
			a.move(other) // as a load balancer does
			shutdown(t, first)
			a.expectText("disconnect", "transport close")
			a.expect("reconnect")
			a.expect("connect")
			same(t, a.ask("ping", 2), []any{2})
		})
	}
}

// TestDrainRecovers: with an adapter that keeps sessions the client gets its
// socket back at the other server, and what it has missed.
func TestDrainRecovers(t *testing.T) {
	r := redistest.Start(t)
	v := streams("streams", redisadapter.StreamsConfig{})
	start := func(sockets chan *sio.Socket) (*sio.Server, string) {
		return serve(t, sio.Config{
			Adapter:                 v.join(t, r).Adapter,
			ConnectionStateRecovery: &sio.Recovery{},
			Drain:                   sio.Drain{Spread: 100 * time.Millisecond},
		}, func(srv *sio.Server) {
			srv.OnConnection(func(s *sio.Socket) { sockets <- s })
		})
	}
	for _, c := range transports {
		t.Run(c.name, func(t *testing.T) {
			sockets := make(chan *sio.Socket, 1)
			first, url := start(sockets)
			second, other := start(sockets)
			a := newDriver(t).open("a", url, c.options)
			id := a.expect("connect").Text
			s := wait.For(t, "the socket", sockets)
			if c.upgrade {
				a.expectText("upgrade", "websocket")
			}
			if err := s.Join("room"); err != nil {
				t.Fatal(err)
			}
			if err := second.To("room").Emit("seen"); err != nil {
				t.Fatal(err)
			}
			if seen := a.expect("event"); seen.Text != "seen" {
				t.Fatalf("got %v", seen)
			}
			a.move(other)
			shutdown(t, first)
			if err := second.To("room").Emit("missed"); err != nil {
				t.Fatal(err)
			}
			a.expectText("disconnect", "transport close")
			if back := a.expect("connect").Text; back != id {
				t.Errorf("%s is back as %s", id, back)
			}
			if s := wait.For(t, "the socket", sockets); s.ID() != id || !s.Recovered() {
				t.Errorf("%s was recovered: %v", s.ID(), s.Recovered())
			}
			if missed := a.expect("event"); missed.Text != "missed" {
				t.Errorf("got %v", missed)
			}
		})
	}
}
