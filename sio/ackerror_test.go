package sio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// failing registers handlers that fail, each in its own way, with options.
func failing(f *fixture, opts ...sio.HandlerOption) {
	for event, err := range map[string]error{
		"meant":   &sio.Error{Message: "no such room", Code: "not_found", Data: map[string]string{"room": "a"}},
		"short":   &sio.Error{Message: "no"},
		"wrapped": fmt.Errorf("look up: %w", &sio.Error{Message: "no"}),
		"private": errors.New("dial db.internal:5432: refused"),
		"broken":  &sio.Error{Message: "no", Data: func() {}},
		"client":  &sio.ClientError{Message: "of another client"},
	} {
		sio.OnAck(f.Server, event, func(context.Context, *sio.Socket, sio.None) (int, error) { return 0, err }, opts...)
	}
	sio.OnAck(f.Server, "number", func(_ context.Context, _ *sio.Socket, n int) (int, error) { return n, nil }, opts...)
	f.On("acked", func(_ context.Context, e *sio.Event) error {
		e.Ack("first")
		return &sio.Error{Message: "second"}
	}, opts...)
	f.On("panics", func(context.Context, *sio.Event) error { panic("secret") }, opts...)
}

// TestAnswerErrors: what a client gets of a handler that fails, from a worker
// and from the loop.
func TestAnswerErrors(t *testing.T) {
	const no, internal = `{"error":{"message":"no"}}`, `{"error":{"message":"internal server error","code":"internal"}}`
	for _, inline := range []bool{false, true} {
		for _, on := range []bool{false, true} {
			t.Run(fmt.Sprintf("inline %v, on %v", inline, on), func(t *testing.T) {
				var opts []sio.HandlerOption
				if inline {
					opts = append(opts, sio.Inline())
				}
				f := serve(t, sio.Config{AnswerErrors: on}, func(f *fixture) {
					failing(f, opts...)
					sio.On(f.Server, "last", func(_ context.Context, s *sio.Socket, _ sio.None) error { return s.Emit("last") }, opts...)
				})
				c := f.join(t)
				for event, want := range map[string]string{
					`"meant"`:      `{"error":{"message":"no such room","code":"not_found","data":{"room":"a"}}}`,
					`"short"`:      no,
					`"wrapped"`:    no,
					`"broken"`:     no,
					`"acked"`:      `"first"`,
					`"number",3`:   `3`,
					`"number","x"`: `{"error":{"message":"invalid argument","code":"invalid_argument","data":{"index":0}}}`,
					`"private"`:    internal,
					`"client"`:     internal,
					`"panics"`:     internal,
				} {
					c.send("427["+event+"]", `42["last"]`)
					answered := on
					switch event {
					case `"meant"`, `"short"`, `"wrapped"`, `"broken"`, `"acked"`, `"number",3`:
						answered = true
					}
					if answered {
						c.want("437[" + want + "]")
					}
					c.want(`42["last"]`)
					c.send("42["+event+"]", `42["last"]`) // without an acknowledgement
					c.want(`42["last"]`)
				}
			})
		}
	}
}

// TestAnswerGoexit: a handler that ends its goroutine is answered.
func TestAnswerGoexit(t *testing.T) {
	f := serve(t, sio.Config{AnswerErrors: true}, func(f *fixture) {
		f.On("ends", func(context.Context, *sio.Event) error { runtime.Goexit(); return nil })
	})
	c := f.join(t)
	c.send(`421["ends"]`)
	c.want(`431[{"error":{"message":"internal server error","code":"internal"}}]`)
}

// TestAnswerPacketMiddleware: an event that a packet middleware rejects is
// answered as one whose handler fails.
func TestAnswerPacketMiddleware(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.UsePacket(func(context.Context, *sio.Event) error { return &sio.Error{Message: "not you", Code: "forbidden"} })
		f.On("x", func(context.Context, *sio.Event) error { t.Error("handled"); return nil })
	})
	c := f.join(t)
	c.send(`421["x"]`)
	c.want(`431[{"error":{"message":"not you","code":"forbidden"}}]`)
}

// TestClientError: EmitAck returns an error with which a client answers, and
// anything else as it is.
func TestClientError(t *testing.T) {
	f := serve(t, sio.Config{}, nil)
	c := f.join(t)
	s := wait.For(t, "socket", f.connected)
	ask := func(answer string) (map[string]any, error) {
		type result struct {
			v   map[string]any
			err error
		}
		done := make(chan result, 1)
		go func() {
			v, err := sio.EmitAck[map[string]any](t.Context(), s, "ask")
			done <- result{v, err}
		}()
		packet := c.recv()
		id := packet[len("42") : len(packet)-len(`["ask"]`)]
		c.send("43" + id + answer)
		r := wait.For(t, "answer", done)
		return r.v, r.err
	}
	var failed *sio.ClientError
	if _, err := ask(`[{"error":{"message":"no","code":"busy","data":[1]}}]`); !errors.As(err, &failed) ||
		failed.Message != "no" || failed.Code != "busy" || string(failed.Data) != "[1]" {
		t.Errorf("%v", err)
	}
	if _, err := ask(` [ { "error" : { "message": "" } } ]`); !errors.As(err, &failed) || failed.Message != "" {
		t.Errorf("%v", err)
	}
	for _, answer := range []string{
		`[{"error":"no"}]`, `[{"error":{}}]`, `[{"error":{"message":1}}]`, `[{"error":{"message":"no"},"ok":true}]`, `[{"other":"error"}]`, `[{}]`,
		`[{"error":{"message":"no"}},2]`,
	} {
		v, err := ask(answer)
		var want []any
		if e := json.Unmarshal([]byte(answer), &want); e != nil {
			t.Fatal(e)
		}
		if err != nil || fmt.Sprint(v) != fmt.Sprint(want[0]) {
			t.Errorf("%s: %v, %v", answer, v, err)
		}
	}
}
