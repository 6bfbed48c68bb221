package sio_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// exact is an argument that decoding and encoding would change.
const exact = `{"z":9007199254740993,"a":1.50, "b":[100000000000000000000000]}`

// passers are handlers that pass on what has come, in all ways that there are.
func passers(t *testing.T, f *fixture, opts ...sio.HandlerOption) {
	on := func(event string, pass func(e *sio.Event) error) {
		f.On(event, func(_ context.Context, e *sio.Event) error { return pass(e) }, opts...)
	}
	on("back", func(e *sio.Event) error { return e.Socket().Emit("y", e.RawArgs) })
	on("beside", func(e *sio.Event) error { return e.Socket().Emit("y", "x", e.RawArgs, []byte{9}, e.RawArgs) })
	on("room", func(e *sio.Event) error { return f.To("r").Emit("y", e.RawArgs) })
	on("all", func(e *sio.Event) error { return f.Emit("y", 1, e.RawArgs) })
	on("ack", func(e *sio.Event) error { return e.Ack(e.RawArgs) })
	on("ackargs", func(e *sio.Event) error { return e.AckArgs(e.RawArgs) })
	on("reply", func(e *sio.Event) error { return e.Reply().Ack("x", e.RawArgs) })
	sio.OnAck(f, "onack", func(_ context.Context, _ *sio.Socket, args sio.RawArgs) (sio.RawArgs, error) { return args, nil }, opts...)
	sio.OnAck(f, "anys", func(_ context.Context, _ *sio.Socket, args []any) ([]any, error) { return args, nil }, opts...)
	sio.OnAck(f, "raws", func(_ context.Context, _ *sio.Socket, args []json.RawMessage) ([]json.RawMessage, error) {
		return args, nil
	}, opts...)
	on("event", func(e *sio.Event) error {
		return wantRefused(t, "sio.Event", e.Socket().Emit("y", e), f.Emit("y", e), e.Ack(e))
	})
	on("inside", func(e *sio.Event) error {
		return wantRefused(t, "sio.RawArgs", e.Socket().Emit("y", map[string]any{"args": e.RawArgs}), f.Emit("y", []sio.RawArgs{e.RawArgs}), e.Ack(&e.RawArgs))
	})
	f.OnServerEvent("ask", func(e *sio.ServerEvent) {
		if err := e.Ack(e.RawArgs); err != nil {
			t.Error(err)
		}
	})
	on("ask", func(e *sio.Event) error {
		answers, err := f.ServerSideEmitAck(t.Context(), "ask", e.RawArgs)
		for _, a := range answers {
			err = errors.Join(err, e.Socket().Emit("answer", a))
		}
		return err
	})
	sio.OnAck(f, "hidden", func(context.Context, *sio.Socket, sio.None) (errorLike, error) { return errorLike{"x"}, nil }, opts...)
}

type errorLike struct{ text string }

// wantRefused reports errors that don't name what was refused.
func wantRefused(t *testing.T, what string, errs ...error) error {
	for _, err := range errs {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("the error is %v, want one about %s", err, what)
		}
	}
	return nil
}

// TestPassOn: what has come goes out as it was, as arguments among others.
func TestPassOn(t *testing.T) {
	for name, opts := range map[string][]sio.HandlerOption{"inline": {sio.Inline()}, "queued": nil} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, sio.Config{}, func(f *fixture) { passers(t, f, opts...) })
			w := f.join(t)
			wait.For(t, "socket", f.connected).Join("r")
			for _, tc := range []struct{ event, want string }{
				{"back", `42["y",` + exact + `,"s"]`},
				{"room", `42["y",` + exact + `,"s"]`},
				{"all", `42["y",1,` + exact + `,"s"]`},
				{"ack", `437[` + exact + `,"s"]`},
				{"ackargs", `437[` + exact + `,"s"]`},
				{"reply", `437["x",` + exact + `,"s"]`},
				{"onack", `437[` + exact + `,"s"]`},
				{"raws", `437[` + exact + `,"s"]`},
				// Decoded.
				{"anys", `437[{"a":1.5,"b":[1e+23],"z":9007199254740992},"s"]`},
			} {
				w.send(`427["` + tc.event + `",` + exact + `,"s"]`)
				w.want(tc.want)
			}
			w.send(`427["beside",` + exact + `]`)
			w.want(`451-["y","x",`+exact+`,`+p0+`,`+exact+`]`, "b:09")
			w.send(`427["back"]`)
			w.want(`42["y"]`)
			w.send(`427["onack"]`)
			w.want(`437[]`)
			w.send(`427["anys",[1,2]]`)
			w.want(`437[[1,2]]`) // one argument, an array

			const binary = `{"z":9007199254740993,"b":` + p1 + `,"a":` + p0 + `}`
			const swapped = `{"z":9007199254740993,"b":` + p0 + `,"a":` + p1 + `}`
			for _, tc := range []struct{ event, want string }{
				{"back", `452-["y",` + swapped + `]`}, {"room", `452-["y",` + swapped + `]`},
				{"ack", `462-7[` + swapped + `]`}, {"ackargs", `462-7[` + swapped + `]`}, {"onack", `462-7[` + swapped + `]`},
			} {
				w.send(`452-7["`+tc.event+`",`+binary+`]`, "b:01", "b:0203")
				w.want(tc.want, "b:0203", "b:01")
			}

			w.send(`427["event",1]`)
			w.send(`427["inside",1]`)
			w.send(`427["hidden"]`)
			if err := wait.For(t, "error", f.errors); !strings.Contains(err.Error(), "sio_test.errorLike") {
				t.Errorf("the error is %v", err)
			}
			empty(t, "errors", f.errors)
		})
	}
}

// TestPassOnMessagePack is TestPassOn for a server with a Parser.
func TestPassOnMessagePack(t *testing.T) {
	for name, opts := range map[string][]sio.HandlerOption{"inline": {sio.Inline()}, "queued": nil} {
		t.Run(name, func(t *testing.T) {
			f := packedServer(t, sio.Config{}, func(f *fixture) { passers(t, f, opts...) })
			w := f.joinPacked(t)
			wait.For(t, "socket", f.connected).Join("r")
			const back = `[9007199254740993,{"b":"AQI="}]`
			arg := []any{uint64(9007199254740993), dict{"b": []byte{1, 2}}}
			for _, tc := range []struct{ event, want string }{
				{"back", `{"type":2,"nsp":"/","data":["y",` + back + `,"s"]}`},
				{"beside", `{"type":2,"nsp":"/","data":["y","x",` + back + `,"s","CQ==",` + back + `,"s"]}`},
				{"room", `{"type":2,"nsp":"/","data":["y",` + back + `,"s"]}`},
				{"ack", `{"type":3,"nsp":"/","id":7,"data":[` + back + `,"s"]}`},
				{"ackargs", `{"type":3,"nsp":"/","id":7,"data":[` + back + `,"s"]}`},
				{"onack", `{"type":3,"nsp":"/","id":7,"data":[` + back + `,"s"]}`},
			} {
				w.send(packed(t, dict{"type": 2, "nsp": "/", "id": 7, "data": []any{tc.event, arg, "s"}}))
				w.wantPacked(tc.want)
			}
			w.send(packed(t, dict{"type": 2, "nsp": "/", "id": 7, "data": []any{"event", 1}}))
			w.send(packed(t, dict{"type": 2, "nsp": "/", "id": 7, "data": []any{"inside", 1}}))
			w.send(packed(t, dict{"type": 2, "nsp": "/", "id": 7, "data": []any{"hidden"}}))
			if err := wait.For(t, "error", f.errors); !strings.Contains(err.Error(), "sio_test.errorLike") {
				t.Errorf("the error is %v", err)
			}
			empty(t, "errors", f.errors)
		})
	}
}

// TestPassOnToServers passes on what has come to the clients of other servers,
// which may use another parser.
func TestPassOnToServers(t *testing.T) {
	for name, b := range map[string]medium{"least": new(bus), "cluster": &wires{t: t}} {
		t.Run(name, func(t *testing.T) {
			one := serve(t, sio.Config{Adapter: b.connect}, func(f *fixture) { passers(t, f) })
			two := serve(t, sio.Config{Adapter: b.connect}, func(f *fixture) { passers(t, f) })
			three := packedServer(t, sio.Config{Adapter: b.connect}, func(f *fixture) { passers(t, f) })
			a, c, d := one.join(t), two.join(t), three.joinPacked(t)
			for _, f := range []*fixture{one, two, three} {
				wait.For(t, "socket", f.connected).Join("r")
			}
			a.send(`42["room",` + exact + `]`)
			a.want(`42["y",` + exact + `]`)
			c.want(`42["y",` + exact + `]`)
			d.wantPacked(`{"type":2,"nsp":"/","data":["y",{"z":9007199254740993,"a":1.5,"b":[1e+23]}]}`)

			const binary = `{"z":9007199254740993,"b":` + p0 + `}`
			a.send(`451-["room",`+binary+`]`, "b:0102")
			a.want(`451-["y",`+binary+`]`, "b:0102")
			c.want(`451-["y",`+binary+`]`, "b:0102")
			d.wantPacked(`{"type":2,"nsp":"/","data":["y",{"z":9007199254740993,"b":"AQI="}]}`)

			d.send(packed(t, dict{"type": 2, "nsp": "/", "data": []any{"room", dict{"b": []byte{1, 2}, "z": uint64(9007199254740993)}, []byte{3}}}))
			a.want(`452-["y",{"b":`+p0+`,"z":9007199254740993},`+p1+`]`, "b:0102", "b:03")
			c.want(`452-["y",{"b":`+p0+`,"z":9007199254740993},`+p1+`]`, "b:0102", "b:03")
			d.wantPacked(`{"type":2,"nsp":"/","data":["y",{"b":"AQI=","z":9007199254740993},"Aw=="]}`)

			// From server to server, and back.
			a.send(`42["ask",` + exact + `]`)
			for range 2 { // two and three
				a.want(`42["answer",` + exact + `]`)
			}

			answers := askAll(t.Context(), one.To("r"))
			a.want(`420["q"]`)
			c.want(`420["q"]`)
			a.send(`430["a"]`)
			c.send(`430["c"]`)
			var q struct{ ID uint64 }
			if err := json.Unmarshal([]byte(unpacked(t, d.recv())), &q); err != nil {
				t.Fatal(err)
			}
			d.send(packed(t, dict{"type": 3, "nsp": "/", "id": q.ID, "data": []any{"d"}}))
			wait.For(t, "answers", answers).check(t, nil, "a", "c", "d")
		})
	}
}

// TestRefusedEverywhere: an emit that fails reaches no client of any server,
// and is not counted.
func TestRefusedEverywhere(t *testing.T) {
	for name, b := range map[string]medium{"least": new(bus), "cluster": &wires{t: t}} {
		for _, logs := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				cfg := sio.Config{Adapter: b.connect}
				if logs {
					cfg.ConnectionStateRecovery = new(sio.Recovery)
				}
				one, two := serve(t, cfg, nil), serve(t, sio.Config{Adapter: b.connect}, echo)
				packed := packedServer(t, sio.Config{Adapter: b.connect}, nil)
				clients := []*ws{two.join(t)}
				for i, bad := range []func() any{
					func() any { return make(chan int) }, func() any { return json.RawMessage("{") }, func() any { return bomb{} },
					func() any { return errors.New("x") }, func() any { return new(refusingOnce) },
				} {
					if err := one.Emit("e", bad()); err == nil {
						t.Errorf("%d: no error", i)
					}
					if err := one.Volatile().Emit("e", bad()); err == nil {
						t.Errorf("%d: no error of Volatile", i)
					}
					if _, err := one.Timeout(time.Second).EmitAck(t.Context(), "e", bad()); err == nil || errors.Is(err, sio.ErrTimeout) {
						t.Errorf("%d: %v from EmitAck", i, err)
					}
				}
				// MessagePack can't say it, so the clients of packed can't be
				// sent it.
				if err := packed.Emit("e", json.RawMessage("1e400")); err == nil {
					t.Error("a number beyond float64 was sent")
				}
				for _, w := range clients {
					w.alive()
				}
			})
		}
	}
}

// refusingOnce fails when it is encoded for the first time, and not later.
type refusingOnce struct{ asked bool }

func (r *refusingOnce) MarshalJSON() ([]byte, error) {
	if r.asked {
		return []byte("1"), nil
	}
	r.asked = true
	return nil, errors.New("the first time")
}

// TestAckAgain: what can't be encoded does not count as an acknowledgement.
func TestAckAgain(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.On("e", func(_ context.Context, e *sio.Event) error {
			if err := e.Ack(make(chan int)); err == nil {
				t.Error("a channel was sent")
			}
			r := e.Reply()
			if err := r.Ack(bomb{}); err == nil {
				t.Error("a bomb was sent")
			}
			if err := r.Ack("failed"); err != nil {
				t.Error(err)
			}
			return r.Ack("again")
		})
	})
	w := f.join(t)
	w.send(`423["e"]`)
	w.want(`433["failed"]`)
	if err := wait.For(t, "error", f.errors); !errors.Is(err, sio.ErrAcked) {
		t.Errorf("the second answer: %v", err)
	}
}

// TestOutgoingRaw: listeners are told of arguments that are passed on.
func TestOutgoingRaw(t *testing.T) {
	told := make(chan string, 10)
	f := serve(t, sio.Config{}, func(f *fixture) {
		passers(t, f)
		f.Of("/").OnAnyOutgoing(func(_ *sio.Socket, event string, args sio.RawArgs) { told <- event + args.String() })
	})
	w := f.join(t)
	w.send(`42["back",` + exact + `]`)
	w.send(`451-["back",`+p0+`]`, "b:01")
	for _, want := range []string{`y[` + exact + `]`, `y[` + p0 + `]`} {
		if got := wait.For(t, "event", told); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestBinaryParameter: a string is no binary value, whatever it looks like; all
// arguments are one slice for two types only.
func TestBinaryParameter(t *testing.T) {
	type list []any
	got := make(chan any, 10)
	setup := func(f *fixture) {
		sio.On(f, "bytes", func(_ context.Context, _ *sio.Socket, b []byte) error { got <- b; return nil })
		sio.On(f, "two", func(_ context.Context, _ *sio.Socket, a sio.Args2[[]byte, *[]byte]) error { got <- a; return nil })
		sio.On(f, "anys", func(_ context.Context, _ *sio.Socket, list []any) error { got <- list; return nil })
		sio.On(f, "list", func(_ context.Context, _ *sio.Socket, l list) error { got <- []any(l); return nil })
	}
	check := func(t *testing.T, f *fixture, send func(event string, args ...any)) {
		for i, send := range []func(){
			func() { send("bytes", "aGk=") },
			func() { send("two", []byte{1}, "aGk=") },
		} {
			send()
			var wrong *sio.ArgumentError
			if err := wait.For(t, "error", f.errors); !errors.As(err, &wrong) || wrong.Index != i {
				t.Errorf("%d: the error is %v", i, err)
			}
		}
		send("bytes", []byte{1})
		if b := wait.For(t, "bytes", got).([]byte); string(b) != "\x01" {
			t.Errorf("got %v", b)
		}
		for _, tc := range []struct {
			event string
			args  []any
			want  string
		}{
			{"anys", []any{[]any{1, 2}}, "[[1,2]]"}, {"anys", []any{"a", 2}, `["a",2]`}, {"anys", nil, "[]"},
			{"list", []any{[]any{1, 2}}, "[1,2]"},
		} {
			send(tc.event, tc.args...)
			if b, _ := json.Marshal(wait.For(t, "list", got)); string(b) != tc.want {
				t.Errorf("%s of %v: got %s, want %s", tc.event, tc.args, b, tc.want)
			}
		}
		empty(t, "errors", f.errors)
	}
	t.Run("JSON", func(t *testing.T) {
		f := serve(t, sio.Config{}, setup)
		w := f.join(t)
		check(t, f, func(event string, args ...any) {
			head, binary := "42", []string(nil)
			for i, arg := range args {
				if _, ok := arg.([]byte); ok {
					head, binary = "451-", []string{"b:01"}
					args[i] = json.RawMessage(p0)
				}
			}
			b, _ := json.Marshal(slices.Concat([]any{event}, args))
			w.send(slices.Concat([]string{head + string(b)}, binary)...)
		})
	})
	t.Run("MessagePack", func(t *testing.T) {
		f := packedServer(t, sio.Config{}, setup)
		w := f.joinPacked(t)
		check(t, f, func(event string, args ...any) {
			w.send(packed(t, dict{"type": 2, "nsp": "/", "data": slices.Concat([]any{event}, args)}))
		})
	})
}
