//go:build linux

package main

import (
	"context"

	"github.com/sioserver/sioserver/sio"
)

// registerSoak registers the events of soaks.
func registerSoak(server *sio.Server) {
	sio.OnAck(server, "bytes", func(_ context.Context, _ *sio.Socket, data []byte) ([]byte, error) {
		return data, nil
	})
	sio.OnAck(server, "ask", func(ctx context.Context, s *sio.Socket, number int) (int, error) {
		return sio.EmitAck[int](ctx, s, "question", number)
	})
}
