package sio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// custom is data whose encoding does what it likes.
type custom struct{ marshal func() ([]byte, error) }

func (c custom) MarshalJSON() ([]byte, error) { return c.marshal() }

// TestCustomData: whatever the encoding of one socket's data does, its server
// answers, with the data of all others, and says what was wrong.
func TestCustomData(t *testing.T) {
	release := make(chan struct{})
	var reported sync.Map
	var panics []any
	w := &wires{t: t}
	one := serve(t, sio.Config{Adapter: w.connect}, nil)
	two := serve(t, sio.Config{
		Adapter: w.connect,
		OnError: func(s *sio.Socket, _ string, err error) { reported.Store(s.ID(), err.Error()) },
		OnPanic: func(s *sio.Socket, _ string, v any, stack []byte) {
			if !bytes.Contains(stack, []byte("MarshalJSON")) {
				t.Errorf("the stack is %s", stack)
			}
			panics = append(panics, v)
		},
	}, nil)
	var blocked sync.Once
	entered := make(chan struct{})
	list := []struct {
		data      any
		want, err string
	}{
		{nil, `{}`, ""},
		{map[string]any{"n": 1}, `{"n":1}`, ""},
		{custom{func() ([]byte, error) { panic("mine") }}, `{}`, ""},
		{custom{func() ([]byte, error) { return nil, errors.New("mine") }}, `{}`, "mine"},
		{json.RawMessage(`[1]`), `[1]`, ""},
		{json.RawMessage(`[`), `{}`, "invalid JSON"},
		{custom{func() ([]byte, error) { runtime.Goexit(); return nil, nil }}, `{}`, "has ended its goroutine"},
		{custom{func() ([]byte, error) {
			blocked.Do(func() { close(entered) })
			<-release
			return []byte("2"), nil
		}}, `{}`, "takes too long"},
		{"text", `"text"`, ""},
		{custom{func() ([]byte, error) { return []byte("3"), nil }}, `3`, ""},
		{nil, `{}`, ""},
	}
	sockets := make(map[string]int)
	for i, tc := range list {
		two.join(t)
		s := wait.For(t, "socket", two.connected)
		s.SetData(tc.data)
		sockets[s.ID()] = i
	}
	ctx, cancel := context.WithTimeout(t.Context(), wait.Patience)
	defer cancel()
	fetch := func() {
		t.Helper()
		got, err := one.FetchSockets(ctx)
		if err != nil || len(got) != len(list) {
			t.Fatalf("%d sockets, %v", len(got), err)
		}
		for _, s := range got {
			if data := string(s.Data().(json.RawMessage)); data != list[sockets[s.ID()]].want {
				t.Errorf("the data of %d is %s, want %s", sockets[s.ID()], data, list[sockets[s.ID()]].want)
			}
		}
	}
	fetch()
	<-entered
	// Each request makes one attempt at most, and none while one does not end.
	before := runtime.NumGoroutine()
	for range 20 {
		fetch()
	}
	if n := runtime.NumGoroutine() - before; n > 10 {
		t.Errorf("20 requests have left %d goroutines", n)
	}
	for id, i := range sockets {
		got, ok := reported.Load(id)
		if list[i].err != "" {
			// On another goroutine than the answer.
			wait.Until(t, "the error is reported", func() bool {
				got, ok = reported.Load(id)
				return ok
			})
		}
		text, _ := got.(string)
		if want := list[i].err; (want == "") != (text == "") || !strings.Contains(text, want) {
			t.Errorf("the error of %d is %q, want %q", i, text, want)
		}
	}
	if len(panics) != 21 || !slices.Contains(panics, any("mine")) || two.Stats().HandlerPanics != 21 {
		t.Errorf("the panics are %v", panics)
	}
	close(release)
	for i := range list {
		if list[i].err == "takes too long" {
			list[i].want = "2"
		}
	}
	for {
		// The attempt that was waited for ends when it likes.
		got, err := one.FetchSockets(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(got, func(s sio.RemoteSocket) bool { return string(s.Data().(json.RawMessage)) == "2" }) {
			break
		}
	}
	fetch()
}

// TestCustomRefusal: whatever the error of a middleware does when it is read,
// the client is refused, and its loop goes on.
func TestCustomRefusal(t *testing.T) {
	refusals := make(chan error, 1)
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.Of("/closed").Use(func(*sio.Socket) error { return <-refusals })
	})
	other := f.join(t)
	for _, tc := range []struct {
		err  error
		want string
	}{
		{&sio.ConnectError{Message: "no", Data: custom{func() ([]byte, error) { panic("mine") }}}, `44/closed,{"message":"no"}`},
		{&sio.ConnectError{Message: "no", Data: custom{func() ([]byte, error) { runtime.Goexit(); return nil, nil }}}, `44/closed,{"message":"no"}`},
		{&sio.ConnectError{Message: "no", Data: errors.New("x")}, `44/closed,{"message":"no"}`},
		{&sio.ConnectError{Message: "no", Data: []int{1}}, `44/closed,{"message":"no","data":[1]}`},
		{badError{func() string { panic("mine") }}, `44/closed,{"message":"internal server error"}`},
		{badError{func() string { runtime.Goexit(); return "" }}, `44/closed,{"message":"internal server error"}`},
	} {
		refusals <- tc.err
		w := f.dial(t)
		w.send("40/closed,")
		w.want(tc.want)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	refusals <- badError{func() string { close(entered); <-release; return "late" }}
	w := f.dial(t)
	w.send("40/closed,")
	<-entered
	other.alive()
	close(release)
	w.want(`44/closed,{"message":"late"}`)
}

type badError struct{ text func() string }

func (e badError) Error() string { return e.text() }

// TestCustomArguments: a panic while arguments are encoded is an error of the
// emit, with the panic's stack.
func TestCustomArguments(t *testing.T) {
	f := serve(t, sio.Config{}, echo)
	w := f.join(t)
	s := wait.For(t, "socket", f.connected)
	bad := custom{func() ([]byte, error) { panic("mine") }}
	for range 50 {
		for _, args := range [][]any{{bad}, {[]any{[]byte{1}, bad}}, {map[string]any{"a": &bad}}} {
			for _, err := range []error{s.Emit("e", args...), f.Emit("e", args...)} {
				var p *jsonenc.PanicError
				if !errors.As(err, &p) || p.Value != "mine" || !bytes.Contains(p.Stack, []byte("MarshalJSON")) {
					t.Fatalf("the error is %v", err)
				}
			}
		}
	}
	w.alive()
}
