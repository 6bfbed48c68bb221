package sio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
)

// polled is what became of a broadcast that asks for acknowledgements.
type polled struct {
	answers []string
	err     error
}

// askAll calls EmitAckAll on a goroutine of its own.
func askAll(ctx context.Context, o sio.BroadcastOperator, args ...any) <-chan polled {
	c := make(chan polled, 1)
	go func() {
		answers, err := sio.EmitAckAll[string](ctx, o, "q", args...)
		slices.Sort(answers)
		c <- polled{answers, err}
	}()
	return c
}

func (p polled) check(t *testing.T, err error, want ...string) {
	t.Helper()
	if !slices.Equal(p.answers, want) || !errors.Is(p.err, err) {
		t.Errorf("got %q, %v; want %q, %v", p.answers, p.err, want, err)
	}
}

func TestBroadcastAck(t *testing.T) {
	f := serve(t, sio.Config{Loops: 2}, func(f *fixture) {
		echo(f)
		f.OfPattern(regexp.MustCompile("^/child")).OnConnection(func(s *sio.Socket) { s.Emit("ready") })
	})
	ctx := t.Context()
	clients, s := crowd(t, f, 3)
	s[0].Join("r")
	s[1].Join("r")
	t.Run("ids go on", func(t *testing.T) {
		c := askAll(ctx, f.To("r", s[2].ID()), 1, []byte{2})
		for i, w := range clients {
			w.want(`451-0["q",1,`+p0+`]`, "b:02")
			w.send(fmt.Sprintf(`430["answer %d","more"]`, i))
		}
		wait.For(t, "answers", c).check(t, nil, "answer 0", "answer 1", "answer 2")
	})
	t.Run("all answer", func(t *testing.T) {
		c := askAll(ctx, f.To("r").Timeout(time.Hour))
		for i, w := range clients[:2] {
			w.want(`421["q"]`)
			w.send([]string{`431[]`, `431["x"]`}[i])
		}
		wait.For(t, "answers", c).check(t, nil, "", "x")
	})
	t.Run("one of two has left", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		c := askAll(ctx, f.To("r"))
		clients[0].want(`422["q"]`)
		clients[1].want(`422["q"]`)
		clients[0].send(`432["x"]`, `432["again"]`)
		clients[0].alive()
		cancel()
		got := wait.For(t, "answers", c)
		got.check(t, context.Canceled, "x")
		var partial *sio.AckError
		if !errors.As(got.err, &partial) || len(partial.Responses) != 1 || partial.Missing != 1 ||
			string(partial.Responses[0].Raw(0)) != `"x"` {
			t.Errorf("the error is %+v", got.err)
		}
		clients[1].send(`432["late"]`)
		clients[1].alive()
	})
	t.Run("one of two does not answer in time", func(t *testing.T) {
		_, err := f.To("r").Timeout(time.Millisecond).EmitAck(ctx, "q")
		if !errors.Is(err, sio.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the error is %v", err)
		}
		clients[0].want(`423["q"]`)
		clients[1].want(`423["q"]`)
	})
	t.Run("no recipient", func(t *testing.T) {
		wait.For(t, "answers", askAll(ctx, f.To("nobody"))).check(t, nil)
		wait.For(t, "answers", askAll(ctx, f.OfPattern(regexp.MustCompile("x")).To())).check(t, nil)
	})
	t.Run("binary", func(t *testing.T) {
		c := make(chan [][]byte, 1)
		go func() {
			answers, err := sio.EmitAckAll[[]byte](ctx, s[0].To("r"), "q")
			if err != nil {
				t.Error(err)
			}
			c <- answers
		}()
		clients[1].want(`425["q"]`)
		clients[1].send(`461-5[`+p0+`]`, "b:0a0b")
		if got := wait.For(t, "answers", c); len(got) != 1 || string(got[0]) != "\x0a\x0b" {
			t.Errorf("the answers are %x", got)
		}
	})
	t.Run("wrong type", func(t *testing.T) {
		c := askAll(ctx, f.To("r"))
		clients[0].want(`426["q"]`)
		clients[1].want(`426["q"]`)
		clients[0].send(`436[{}]`)
		clients[1].send(`436["x"]`)
		got := wait.For(t, "answers", c)
		var wrong *sio.ArgumentError
		if !slices.Equal(got.answers, []string{"x"}) || !errors.As(got.err, &wrong) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("errors", func(t *testing.T) {
		if _, err := f.EmitAck(ctx, "q", make(chan int)); err == nil {
			t.Error("a channel was encoded")
		}
		if _, err := f.EmitAck(ctx, "connect"); !errors.Is(err, sio.ErrReservedEvent) {
			t.Errorf("the error is %v", err)
		}
		over, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := f.EmitAck(over, "q"); !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
		clients[0].alive()
	})
	t.Run("children", func(t *testing.T) {
		a, b := f.join(t, "/child1"), f.join(t, "/child2")
		a.want(`42/child1,["ready"]`)
		b.want(`42/child2,["ready"]`)
		// Never asked: the other one matches first.
		parents := f.OfFunc(func(string, json.RawMessage) bool { return false })
		wait.For(t, "answers", askAll(ctx, parents.To())).check(t, nil)
		c := askAll(ctx, f.Of("/child1").Local())
		a.want(`42/child1,0["q"]`)
		a.send(`43/child1,0["a"]`)
		wait.For(t, "answers", c).check(t, nil, "a")
	})
	t.Run("all disconnect", func(t *testing.T) {
		c := askAll(ctx, f.To("r"))
		prefix := clients[0].recv()[:4]
		clients[1].recv()
		clients[0].send("43"+prefix[2:3]+`["x"]`, "41")
		clients[1].conn.Close()
		wait.For(t, "answers", c).check(t, sio.ErrDisconnected, "x")
	})
}

func TestTimeout(t *testing.T) {
	f := serve(t, sio.Config{}, echo)
	w := f.join(t)
	s := wait.For(t, "socket", f.connected)
	t.Run("no answer in time", func(t *testing.T) {
		_, err := s.Timeout(time.Millisecond).EmitAck(t.Context(), "q")
		if !errors.Is(err, sio.ErrTimeout) || err.Error() != "sio: operation has timed out" {
			t.Errorf("the error is %v", err)
		}
		w.want(`420["q"]`)
		w.send(`430["late"]`)
		w.alive()
	})
	t.Run("all answer in time", func(t *testing.T) {
		c := make(chan answer, 1)
		go func() {
			v, err := sio.EmitAck[string](t.Context(), s.Timeout(time.Hour).Compress(false), "q", []byte{1})
			c <- answer{v, err}
		}()
		w.want(`451-1["q",`+p0+`]`, "b:01")
		w.send(`431["in time"]`)
		if got := wait.For(t, "answer", c); got != (answer{"in time", nil}) {
			t.Errorf("the answer is %+v", got)
		}
	})
	t.Run("the context's own end", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := s.Timeout(time.Hour).EmitAck(ctx, "q"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, sio.ErrTimeout) {
			t.Errorf("the error is %v", err)
		}
	})
}

// TestVolatileInOneBurst: a volatile packet is dropped if another packet leaves
// in the same burst. The emits wait on the loop until the inline handler
// returns, so they are carried out in one burst.
func TestVolatileInOneBurst(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.On("two volatile", func(_ context.Context, e *sio.Event) error {
			e.Socket().Volatile().Emit("first")
			return e.Socket().Volatile().Emit("second")
		}, sio.Inline())
		f.On("volatile behind", func(_ context.Context, e *sio.Event) error {
			e.Socket().Emit("first")
			return e.Socket().Volatile().Emit("second")
		}, sio.Inline())
	})
	w := f.join(t)
	for _, event := range []string{"two volatile", "volatile behind"} {
		w.send(`42["` + event + `"]`)
		w.want(`42["first"]`)
		w.alive()
	}
	if n := f.Stats().VolatileDropped; n != 2 {
		t.Errorf("%d were dropped, want 2", n)
	}
}

// aground is an adapter that can't ask the other servers.
type aground struct {
	adapter.Adapter
	local adapter.Local
}

var errAground = errors.New("aground")

func (a aground) BroadcastAck(ctx context.Context, p adapter.Packet, o adapter.Options, acks adapter.Acks) error {
	acks.Servers(1)
	acks.Clients(1)
	acks.Gone(1, errAground)
	return a.local.BroadcastAck(ctx, p, o, acks)
}

func (a aground) Close() error { return nil }

// TestEmitAckAground tells why other servers have not answered.
func TestEmitAckAground(t *testing.T) {
	f := serve(t, sio.Config{Adapter: func(l adapter.Local) adapter.Adapter { return aground{local: l} }}, nil)
	_, err := f.EmitAck(t.Context(), "q")
	var partial *sio.AckError
	if !errors.As(err, &partial) || partial.Missing != 1 || !errors.Is(err, errAground) || errors.Is(err, sio.ErrDisconnected) {
		t.Errorf("the error is %v", err)
	}
}
