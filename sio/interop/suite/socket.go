package main

import (
	"context"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// serveSocket starts the server of the Socket.IO suite.
func serveSocket(addr string) error {
	srv, err := sio.New(sio.Config{
		Loops:          1,
		PingInterval:   pingInterval,
		PingTimeout:    pingTimeout,
		ConnectTimeout: time.Second,
		NoClient:       true,
	})
	if err != nil {
		return err
	}
	for _, name := range []string{"/", "/custom"} {
		srv.Of(name).OnConnection(func(s *sio.Socket) { _ = s.Emit("auth", s.Handshake().Auth) })
	}
	srv.On("message", func(_ context.Context, e *sio.Event) error {
		args, err := arguments(e)
		if err != nil {
			return err
		}
		return e.Socket().Emit("message-back", args...)
	})
	srv.On("message-with-ack", func(_ context.Context, e *sio.Event) error {
		args, err := arguments(e)
		if err != nil {
			return err
		}
		return e.Ack(args...)
	})
	return srv.Listen(addr)
}

// arguments decodes all arguments of an event, whatever they are.
func arguments(e *sio.Event) ([]any, error) {
	args := make([]any, e.Len())
	to := make([]any, len(args))
	for i := range args {
		to[i] = &args[i]
	}
	return args, e.Bind(to...)
}
