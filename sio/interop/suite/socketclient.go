package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// serveSocketClient starts the server of the tests of socket.io-client.
func serveSocketClient(addr string) error {
	srv, err := sio.New(sio.Config{
		Loops:                   1,
		PingInterval:            2 * time.Second,
		ConnectionStateRecovery: &sio.Recovery{},
		NoClient:                true,
		AllowRequest: func(*http.Request) error {
			time.Sleep(10 * time.Millisecond) // for the tests of the client's time limit
			return nil
		},
	})
	if err != nil {
		return err
	}
	for _, name := range []string{"/timeout_socket", "/valid", "/asd"} {
		srv.Of(name)
	}
	srv.Of("/abc").OnConnection(func(s *sio.Socket) { _ = s.Emit("handshake", s.Handshake()) })
	srv.Of("/no").Use(func(*sio.Socket) error { return &sio.ConnectError{Message: "Auth failed (custom namespace)"} })
	srv.Use(func(s *sio.Socket) error {
		if s.Handshake().Query["fail"] != "" {
			return &sio.ConnectError{Message: "Auth failed (main namespace)"}
		}
		return nil
	})
	sio.OnAck(srv.Of("/foo"), "getId", getID)
	sio.OnAck(srv, "getId", getID)
	sio.OnAck(srv, "echo", func(_ context.Context, _ *sio.Socket, arg any) (any, error) { return arg, nil })
	sio.OnAck(srv, "getAckDate", func(context.Context, *sio.Socket, any) (time.Time, error) { return time.Now(), nil })
	sio.OnAck(srv, "getHandshake", func(_ context.Context, s *sio.Socket, _ sio.None) (*sio.Handshake, error) {
		return s.Handshake(), nil
	})
	answer(srv, "hi", "hi")
	answer(srv, "false", "false", false)
	answer(srv, "doge", "doge", []byte("asdfasdf"))
	answer(srv, "getbin", "takebin", []byte("asdfasdf"))
	sio.On(srv, "ack", func(_ context.Context, s *sio.Socket, _ sio.None) error {
		go confirm(s) // some clients don't acknowledge, and emit again
		return nil
	})
	sio.On(srv, "getDate", func(_ context.Context, s *sio.Socket, _ sio.None) error { return s.Emit("takeDate", time.Now()) })
	sio.On(srv, "getDateObj", func(_ context.Context, s *sio.Socket, _ sio.None) error {
		return s.Emit("takeDateObj", map[string]time.Time{"date": time.Now()})
	})
	sio.On(srv, "getUtf8", func(_ context.Context, s *sio.Socket, _ sio.None) error {
		for _, text := range []string{"てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"} {
			if err := s.Emit("takeUtf8", text); err != nil {
				return err
			}
		}
		return nil
	})
	sio.On(srv, "buffa", func(_ context.Context, s *sio.Socket, _ []byte) error { return s.Emit("buffack") })
	sio.On(srv, "jsonbuff", func(_ context.Context, s *sio.Socket, a struct {
		Hello, Goodbye string
		Message        []byte
	}) error {
		if a.Hello != "lol" || a.Goodbye != "gotcha" || a.Message == nil {
			return errors.New("another object")
		}
		return s.Emit("jsonbuff-ack")
	})
	// The server takes in events in order, so the second one comes behind the
	// first one if it comes at all.
	sio.On(srv, "abuff1", func(_ context.Context, s *sio.Socket, _ []byte) error { return s.SetData(true) })
	sio.On(srv, "abuff2", func(_ context.Context, s *sio.Socket, _ any) error {
		if s.Data() != true {
			return errors.New("the first one has not come")
		}
		return s.Emit("abuff2-ack")
	})
	return srv.Listen(addr)
}

func getID(_ context.Context, s *sio.Socket, _ sio.None) (string, error) { return s.ID(), nil }

// confirm emits an event, and another one if that is acknowledged as it should.
func confirm(s *sio.Socket) {
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	args, err := s.EmitAck(ctx, "ack")
	if err != nil {
		return
	}
	var a int
	var b struct{ Test bool }
	if err := args.Bind(&a, &b); err == nil && a == 5 && b.Test {
		_ = s.Emit("got it")
	}
}

// answer answers event with another one.
func answer(srv *sio.Server, event, with string, args ...any) {
	sio.On(srv, event, func(_ context.Context, s *sio.Socket, _ sio.None) error { return s.Emit(with, args...) })
}
