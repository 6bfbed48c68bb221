//go:build linux

package main

import (
	"context"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// workTime is how long the handler of "work" takes.
const workTime = time.Millisecond

// progress counts the events "work" of one socket. Its handlers run one after
// another.
type progress struct{ handled, disordered int }

// progressOf returns the progress of a socket. It is made with the first event,
// so that sockets of other scenarios do not pay for it.
func progressOf(s *sio.Socket) *progress {
	if s.Data() == nil {
		s.SetData(&progress{})
	}
	return s.Data().(*progress)
}

// registerSlow registers the events whose handlers take their time.
func registerSlow(server *sio.Server) {
	sio.On(server, "work", func(_ context.Context, s *sio.Socket, number int) error {
		time.Sleep(workTime)
		p := progressOf(s)
		if number != p.handled {
			p.disordered++
		}
		p.handled++
		return nil
	})
	sio.OnAck(server, "count", func(_ context.Context, s *sio.Socket, _ sio.None) (sio.Args2[int, int], error) {
		p := progressOf(s)
		return sio.Args2[int, int]{A: p.handled, B: p.disordered}, nil
	})
	sio.On(server, "block", func(ctx context.Context, s *sio.Socket, _ sio.None) error {
		err := s.Emit("started")
		<-ctx.Done()
		return err
	})
	sio.On(server, "ignore", func(_ context.Context, s *sio.Socket, milliseconds int) error {
		err := s.Emit("started")
		time.Sleep(time.Duration(milliseconds) * time.Millisecond)
		return err
	})
}
