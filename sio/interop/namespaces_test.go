package interop

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestNamespaces gives each namespace of one connection its own sockets and
// the auth that was meant for it.
func TestNamespaces(t *testing.T) {
	_, url := serve(t, sio.Config{}, func(srv *sio.Server) {
		for _, name := range []string{"/", "/admin"} {
			srv.Of(name).OnConnection(func(s *sio.Socket) {
				_ = s.Emit("hello", name, s.Handshake().Auth)
			})
		}
	})
	d := newDriver(t)
	main := d.join("main", url, map[string]any{"auth": map[string]any{"token": "a"}})
	main.expectEvent("hello", "/", map[string]any{"token": "a"})
	admin := d.join("admin", url+"/admin", map[string]any{"auth": map[string]any{"token": "b", "é": []any{1}}})
	admin.expectEvent("hello", "/admin", map[string]any{"token": "b", "é": []any{1}})
}

func TestUnknownNamespace(t *testing.T) {
	_, url := serve(t, sio.Config{}, func(*sio.Server) {})
	c := newDriver(t).open("c", url+"/nowhere", nil)
	c.expectText("connect_error", "Invalid namespace")
}

// TestMiddleware refuses with a message and data until the client has the
// right token.
func TestMiddleware(t *testing.T) {
	_, url := serve(t, sio.Config{}, func(srv *sio.Server) {
		srv.Use(func(s *sio.Socket) error {
			var auth struct{ Token string }
			if err := s.Handshake().BindAuth(&auth); err != nil {
				return err
			}
			switch auth.Token {
			case "right":
				return nil
			case "old":
				return &sio.ConnectError{Message: "expired", Data: map[string]any{"days": 3}}
			}
			return errors.New("no ticket")
		})
		sio.OnAck(srv, "in?", func(context.Context, *sio.Socket, sio.None) (bool, error) { return true, nil })
	})
	d := newDriver(t)
	refused := d.open("refused", url, nil)
	r := refused.expect("connect_error")
	if r.Text != "no ticket" {
		t.Errorf("refused with %q", r.Text)
	}
	same(t, r.Args, []any{nil})
	old := d.open("old", url, map[string]any{"auth": map[string]any{"Token": "old"}})
	r = old.expect("connect_error")
	if r.Text != "expired" {
		t.Errorf("refused with %q", r.Text)
	}
	same(t, r.Args, []any{map[string]any{"days": 3}})
	in := d.join("in", url, map[string]any{"auth": map[string]any{"Token": "right"}})
	same(t, in.ask("in?"), []any{true})
}

// TestOldClient lets the client of Socket.IO 2 join "/" by itself and another
// namespace with a query in place of auth.
func TestOldClient(t *testing.T) {
	joined := make(chan string, 2)
	_, url := serve(t, sio.Config{AllowEIO3: true}, func(srv *sio.Server) {
		srv.OnConnection(func(s *sio.Socket) { joined <- s.ID() })
		srv.Of("/custom").Use(func(s *sio.Socket) error {
			var auth struct{ Token string }
			if err := s.Handshake().BindAuth(&auth); err != nil || auth.Token != "é" {
				return errors.New("no ticket")
			}
			return nil
		})
		srv.Of("/custom").OnConnection(func(s *sio.Socket) { _ = s.Emit("hello", s.ID()) })
	})
	d := newDriver(t)
	for _, c := range transports {
		options := map[string]any{"package": "socket.io-client-2"}
		maps.Copy(options, c.options)
		in := d.join("in "+c.name, url+"/custom?Token=%C3%A9", options)
		in.expectEvent("hello", "/custom#"+wait.For(t, "the connection", joined))
		refused := d.open("refused "+c.name, url+"/custom", options)
		same(t, refused.expect("error").Args, []any{"no ticket"})
		wait.For(t, "the connection", joined)
	}
}
