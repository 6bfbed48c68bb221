package sio_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// answer is what became of an EmitAck.
type answer struct {
	value string
	err   error
}

// ask calls EmitAck on a goroutine of its own.
func ask(ctx context.Context, s *sio.Socket, args ...any) <-chan answer {
	c := make(chan answer, 1)
	go func() {
		v, err := sio.EmitAck[string](ctx, s, "q", args...)
		c <- answer{v, err}
	}()
	return c
}

func TestEmitAck(t *testing.T) {
	f := serve(t, sio.Config{}, echo)
	ctx := t.Context()
	a := f.join(t)
	sa := wait.For(t, "socket", f.connected)
	b := f.join(t)
	sb := wait.For(t, "socket", f.connected)

	t.Run("ids are of the namespace, and the first answer counts", func(t *testing.T) {
		first := ask(ctx, sa, 1)
		a.want(`420["q",1]`)
		second := ask(ctx, sb)
		b.want(`421["q"]`)
		b.send(`430["of another socket"]`, `431["b"]`, `431["again"]`)
		if got := wait.For(t, "answer", second); got != (answer{"b", nil}) {
			t.Errorf("the answer is %+v", got)
		}
		a.send(`430["a","more"]`)
		if got := wait.For(t, "answer", first); got != (answer{"a", nil}) {
			t.Errorf("the answer is %+v", got)
		}
		a.alive()
		b.alive()
	})
	t.Run("the context ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		c := ask(ctx, sa)
		a.want(`422["q"]`)
		cancel()
		if got := wait.For(t, "answer", c); !errors.Is(got.err, context.Canceled) {
			t.Errorf("the answer is %+v", got)
		}
		a.send(`432["late"]`)
		a.alive()
	})
	t.Run("deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		if _, err := sa.EmitAck(ctx, "q"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the error is %v", err)
		}
		a.want(`423["q"]`)
	})
	t.Run("binary", func(t *testing.T) {
		c := make(chan []byte, 1)
		go func() {
			v, err := sio.EmitAck[[]byte](ctx, sa, "q", []byte{1})
			if err != nil {
				t.Error(err)
			}
			c <- v
		}()
		a.want(`451-4["q",`+p0+`]`, "b:01")
		a.send(`461-4[`+p0+`]`, "b:0203")
		if got := wait.For(t, "answer", c); string(got) != "\x02\x03" {
			t.Errorf("the answer is %x", got)
		}
	})
	t.Run("wrong type", func(t *testing.T) {
		c := ask(ctx, sa)
		a.want(`425["q"]`)
		a.send(`435[{}]`)
		var wrong *sio.ArgumentError
		if got := wait.For(t, "answer", c); !errors.As(got.err, &wrong) {
			t.Errorf("the answer is %+v", got)
		}
	})
	t.Run("the client disconnects", func(t *testing.T) {
		c := ask(ctx, sa)
		a.want(`426["q"]`)
		a.send("41")
		if got := wait.For(t, "answer", c); !errors.Is(got.err, sio.ErrDisconnected) {
			t.Errorf("the answer is %+v", got)
		}
		if _, err := sa.EmitAck(ctx, "q"); !errors.Is(err, sio.ErrDisconnected) {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestAck(t *testing.T) {
	late := make(chan *sio.Event, 1)
	replies := make(chan *sio.Reply, 1)
	twice := make(chan error, 2)
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.On("twice", func(_ context.Context, e *sio.Event) error {
			twice <- e.Ack(1)
			twice <- e.Ack(2)
			return nil
		})
		f.On("late", func(_ context.Context, e *sio.Event) error { late <- e; return nil })
		f.On("reply", func(_ context.Context, e *sio.Event) error {
			replies <- e.Reply()
			return e.Ack("too late")
		}, sio.Inline())
		sio.OnAck(f, "sum", func(_ context.Context, _ *sio.Socket, in sio.Args2[int, int]) (int, error) { return in.A + in.B, nil })
		sio.OnAck(f, "swap", func(_ context.Context, _ *sio.Socket, in sio.Args2[int, string]) (sio.Args2[string, int], error) {
			return sio.Args2[string, int]{A: in.B, B: in.A}, nil
		}, sio.Inline())
		sio.OnAck(f, "none", func(context.Context, *sio.Socket, sio.None) (sio.None, error) { return sio.None{}, nil })
		sio.OnAck(f, "fails", func(context.Context, *sio.Socket, sio.None) (int, error) { return 0, errors.New("no") })
	})
	w := f.join(t)
	t.Run("a second Ack fails", func(t *testing.T) {
		w.send(`421["twice"]`, `42["twice"]`)
		w.want(`431[1]`)
		if err := <-twice; err != nil {
			t.Error(err)
		}
		for range 3 {
			if err := wait.For(t, "result", twice); !errors.Is(err, sio.ErrAcked) {
				t.Errorf("the error is %v", err)
			}
		}
		w.alive()
	})
	t.Run("late", func(t *testing.T) {
		w.send(`422["late"]`)
		e := wait.For(t, "event", late)
		w.alive()
		if err := e.Ack("done", []byte{9}); err != nil {
			t.Error(err)
		}
		w.want(`461-2["done",`+p0+`]`, "b:09")
	})
	t.Run("reply", func(t *testing.T) {
		w.send(`423["reply"]`)
		r := wait.For(t, "reply", replies)
		if err := wait.For(t, "error", f.errors); !errors.Is(err, sio.ErrAcked) {
			t.Errorf("the event's own Ack gave %v", err)
		}
		w.alive()
		if err := r.Ack("now"); err != nil {
			t.Error(err)
		}
		if err := r.Ack("again"); !errors.Is(err, sio.ErrAcked) {
			t.Errorf("the second Ack gave %v", err)
		}
		w.want(`433["now"]`)
	})
	t.Run("typed", func(t *testing.T) {
		w.send(`424["sum",2,3]`)
		w.want(`434[5]`)
		w.send(`425["swap",1,"x"]`)
		w.want(`435["x",1]`)
		w.send(`426["none",{}]`)
		w.want(`436[]`)
		w.send(`427["fails"]`, `42["sum",1,1]`)
		w.alive()
		if err := wait.For(t, "error", f.errors); err.Error() != "no" {
			t.Errorf("the error is %v", err)
		}
	})
}

// TestContext runs without a network: a socket that never connected has a
// context like any other.
func TestContext(t *testing.T) {
	ended := make(chan error, 2)
	f := serve(t, sio.Config{}, func(f *fixture) {
		sio.On(f, "wait", func(ctx context.Context, s *sio.Socket, _ sio.None) error {
			derived, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			stopped, stop := context.WithCancel(ctx)
			stop()
			<-stopped.Done()
			s.Emit("waiting")
			<-derived.Done()
			ended <- derived.Err()
			<-ctx.Done()
			ended <- ctx.Err()
			return nil
		})
	})
	w := f.join(t)
	s := wait.For(t, "socket", f.connected)
	if err := s.Context().Err(); err != nil {
		t.Errorf("the context has ended: %v", err)
	}
	w.send(`42["wait"]`)
	w.want(`42["waiting"]`)
	w.send("41")
	for range 2 {
		if err := wait.For(t, "end of the context", ended); !errors.Is(err, sio.ErrDisconnected) {
			t.Errorf("the context ended with %v", err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		called := make(chan bool)
		context.AfterFunc(s.Context(), func() { close(called) })
		<-called
		<-s.Context().Done()
	})
}
