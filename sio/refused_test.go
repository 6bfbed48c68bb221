package sio_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// refusing is a bus that takes nothing as long as err is not nil.
type refusing struct{ err error }

func (r *refusing) Publish(*cluster.Message) error { return r.err }

func (*refusing) Close() error { return nil }

// ServerCount implements cluster.Counter, so there are no heartbeats.
func (*refusing) ServerCount(context.Context) (int, error) { return 1, nil }

// TestEmitRefused: an event that an adapter has no room for, or that is too
// large, reaches no client, and Emit returns the error.
func TestEmitRefused(t *testing.T) {
	r := new(refusing)
	f := serve(t, sio.Config{Adapter: func(local adapter.Local) adapter.Adapter {
		n, err := cluster.New(local, cluster.Config{}, func(string, func(*cluster.Message)) (cluster.Bus, error) { return r, nil })
		if err != nil {
			t.Error(err)
		}
		return n
	}}, nil)
	c := f.join(t)
	wait.For(t, "socket", f.connected)
	for err, want := range map[error]error{
		fmt.Errorf("%w: 10,000 messages", cluster.ErrOverloaded):          sio.ErrOverloaded,
		fmt.Errorf("%w: %w", cluster.ErrUnencodable, cluster.ErrTooLarge): sio.ErrTooLarge,
	} {
		r.err = err
		if err := f.Emit("refused"); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	r.err = nil
	if err := f.Emit("taken"); err != nil {
		t.Error(err)
	}
	c.want(`42["taken"]`)
}
