package sio_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// misdeeds are the ways in which code of others does not return.
var misdeeds = map[string]func(release <-chan struct{}){
	"panics": func(<-chan struct{}) { panic("told to") },
	"exits":  func(<-chan struct{}) { runtime.Goexit() },
	"blocks": func(release <-chan struct{}) { <-release },
}

// waitsFor is how long the contexts of these tests last; a call is over at most
// a second later.
const waitsFor = 200 * time.Millisecond

// ends checks that a call ends with its context, with a time-out if that was
// why.
func ends(t *testing.T, name, misdeed string, call func(ctx context.Context) error) {
	t.Helper()
	c := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), waitsFor)
		defer cancel()
		c <- call(ctx)
	}()
	err := wait.For(t, "end of "+name, c)
	if err == nil || misdeed == "blocks" && !(errors.Is(err, sio.ErrTimeout) && errors.Is(err, context.DeadlineExceeded)) {
		t.Errorf("%s: the error is %v", name, err)
	}
}

// broken is a value whose encoding does not return.
type broken struct {
	misdeed func(<-chan struct{})
	release <-chan struct{}
}

func (b broken) MarshalJSON() ([]byte, error) {
	b.misdeed(b.release)
	return json.Marshal("late")
}

// calls makes all calls that wait.
func waitingCalls(t *testing.T, misdeed string, f *fixture, args ...any) {
	t.Helper()
	ends(t, "EmitAck of all", misdeed, func(ctx context.Context) error {
		_, err := f.EmitAck(ctx, "q", args...)
		return err
	})
	ends(t, "ServerSideEmitAck", misdeed, func(ctx context.Context) error {
		_, err := f.ServerSideEmitAck(ctx, "q", args...)
		return err
	})
	ends(t, "FetchSockets", misdeed, func(ctx context.Context) error {
		_, err := f.FetchSockets(ctx)
		return err
	})
	ends(t, "AllSockets", misdeed, func(ctx context.Context) error {
		_, err := f.AllSockets(ctx)
		return err
	})
	ends(t, "CountSockets", misdeed, func(ctx context.Context) error {
		_, err := f.CountSockets(ctx)
		return err
	})
}

// TestWaitsForEncoders has the encoding of an argument not return.
func TestWaitsForEncoders(t *testing.T) {
	for name, misdeed := range misdeeds {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			defer close(release)
			f := serve(t, sio.Config{}, echo)
			w := f.join(t)
			s := wait.For(t, "socket", f.connected)
			arg := broken{misdeed, release}
			ends(t, "EmitAck", name, func(ctx context.Context) error {
				_, err := s.EmitAck(ctx, "q", arg)
				return err
			})
			ends(t, "EmitAck with Timeout", name, func(context.Context) error {
				_, err := s.Timeout(waitsFor).EmitAck(t.Context(), "q", arg)
				return err
			})
			ends(t, "EmitAck of all", name, func(ctx context.Context) error {
				_, err := f.EmitAck(ctx, "q", []any{arg})
				return err
			})
			w.alive()
		})
	}
}

// TestWaitsForParsers has the parser not return that splits the
// acknowledgement.
func TestWaitsForParsers(t *testing.T) {
	for name, misdeed := range misdeeds {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			f := serve(t, sio.Config{Loops: 1, Parser: splitter{sio.MessagePack(), func() { misdeed(release) }}}, nil)
			w := f.dial(t)
			w.send(packed(t, dict{"type": 0, "nsp": "/"}))
			w.recv()
			s := wait.For(t, "socket", f.connected)
			c := make(chan error, 1)
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), waitsFor)
				defer cancel()
				_, err := s.EmitAck(ctx, "q")
				c <- err
			}()
			w.recv()
			w.send(packed(t, dict{"type": 3, "nsp": "/", "id": 0, "data": []any{1}}))
			err := wait.For(t, "end", c)
			if name == "blocks" && !errors.Is(err, sio.ErrTimeout) || err == nil {
				t.Errorf("the error is %v", err)
			}
			close(release)
		})
	}
}

// splitter is a parser that does not get on with acknowledgements.
type splitter struct {
	sio.Parser
	misdeed func()
}

func (p splitter) SplitAck(b []byte) ([][]byte, error) {
	p.misdeed()
	return p.Parser.SplitAck(b)
}

// lost is an adapter none of whose requests returns.
type lost struct {
	adapter.Adapter
	misdeed func()
}

func (l lost) BroadcastAck(context.Context, adapter.Packet, adapter.Options, adapter.Acks) error {
	l.misdeed()
	return nil
}

func (l lost) FetchSockets(context.Context, adapter.Options) ([]adapter.Details, error) {
	l.misdeed()
	return nil, nil
}

func (l lost) CountSockets(context.Context, adapter.Options) (int, error) {
	l.misdeed()
	return 0, nil
}

func (l lost) ServerSideEmitAck(context.Context, adapter.Packet) ([]adapter.Answer, error) {
	l.misdeed()
	return nil, nil
}

func (lost) Close() error { return nil }

// TestWaitsForAdapters has the requests of an adapter not return.
func TestWaitsForAdapters(t *testing.T) {
	for name, misdeed := range misdeeds {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			defer close(release)
			f := serve(t, sio.Config{Adapter: func(adapter.Local) adapter.Adapter {
				return lost{misdeed: func() { misdeed(release) }}
			}}, nil)
			waitingCalls(t, name, f)
		})
	}
}

// stuck is a bus that does not return. count is whether it counts servers
// first.
type stuck struct {
	misdeed func()
	count   bool
}

func (s stuck) Publish(*cluster.Message) error {
	s.misdeed()
	return nil
}

func (s stuck) ServerCount(context.Context) (int, error) {
	if !s.count {
		s.misdeed()
	}
	return 2, nil
}

func (stuck) Close() error { return nil }

// TestWaitsForBuses has a bus not return from Publish, or from ServerCount.
// Without a context that ends, the limits of the cluster do.
func TestWaitsForBuses(t *testing.T) {
	for name, misdeed := range misdeeds {
		for _, count := range []bool{true, false} {
			t.Run(name+map[bool]string{true: " in Publish", false: " in ServerCount"}[count], func(t *testing.T) {
				t.Parallel()
				release := make(chan struct{})
				cfg := cluster.Config{RequestTimeout: time.Second, AckTimeout: time.Second, Logger: slog.New(slog.DiscardHandler)}
				f := serve(t, sio.Config{Adapter: func(l adapter.Local) adapter.Adapter {
					n, err := cluster.New(l, cfg, func(string, func(*cluster.Message)) (cluster.Bus, error) {
						return stuck{func() { misdeed(release) }, count}, nil
					})
					if err != nil {
						t.Error(err)
					}
					return n
				}}, nil)
				t.Cleanup(func() { close(release) })
				waitingCalls(t, name, f)
				c := make(chan error, 1)
				go func() {
					_, err := f.FetchSockets(t.Context())
					_, err2 := f.EmitAck(t.Context(), "q")
					_, err3 := f.ServerSideEmitAck(t.Context(), "q")
					if err == nil || err2 == nil || err3 == nil {
						err = errors.Join(errors.New("no error"), err, err2, err3)
					} else {
						err = nil
					}
					c <- err
				}()
				if err := wait.For(t, "end", c); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
