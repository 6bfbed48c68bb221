package sio_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// echo adds the handlers that most tests talk to.
func echo(f *fixture) {
	reply := func(event string) sio.HandlerFunc {
		return func(_ context.Context, e *sio.Event) error {
			args, err := all(e)
			if err != nil {
				return err
			}
			return e.Socket().Emit(event, args...)
		}
	}
	f.On("echo", reply("echo"))
	f.On("message", reply("message-back"))
	f.On("message-with-ack", func(_ context.Context, e *sio.Event) error {
		args, err := all(e)
		if err != nil {
			return err
		}
		return e.Ack(args...)
	})
}

func all(e *sio.Event) ([]any, error) {
	args := make([]any, e.Len())
	dst := make([]any, len(args))
	for i := range args {
		if strings.Contains(string(e.Raw(i)), "_placeholder") {
			dst[i] = &args[i]
		} else {
			args[i] = json.RawMessage(e.Raw(i)) // byte for byte
		}
	}
	return args, e.Bind(dst...)
}

const (
	p0 = `{"_placeholder":true,"num":0}`
	p1 = `{"_placeholder":true,"num":1}`
)

// TestPackets sends well-formed packets and looks at the answers.
func TestPackets(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.On("1", func(_ context.Context, e *sio.Event) error { return e.Socket().Emit("number", e.Name(), e.Len()) })
		f.On("connection", func(_ context.Context, e *sio.Event) error { return e.Socket().Emit("connection seen") })
		f.On("error", func(_ context.Context, e *sio.Event) error {
			return e.Socket().Emit("error seen", json.RawMessage(e.Raw(0)))
		})
		f.On("ack", func(_ context.Context, e *sio.Event) error { return e.Ack(json.RawMessage(e.Raw(0))) })
		sio.On(f, "map", func(_ context.Context, s *sio.Socket, m map[string]any) error { return s.Emit("map", m) })
	})
	ten := `[` + `"message"`
	for i := range 10 {
		ten += `,{"_placeholder":true,"num":` + string(rune('0'+i)) + `}`
	}
	ten += `]`
	tenBinaries := []string{"b:00", "b:01", "b:02", "b:03", "b:04", "b:05", "b:06", "b:07", "b:08", "b:09"}
	for _, tc := range []struct {
		name       string
		send, want []string
	}{
		{"arguments", []string{`42["message",1,"2",{"3":[true]}]`}, []string{`42["message-back",1,"2",{"3":[true]}]`}},
		{"attachments", []string{`452-["message",` + p0 + `,` + p1 + `]`, "b:010203", "b:040506"},
			[]string{`452-["message-back",` + p0 + `,` + p1 + `]`, "b:010203", "b:040506"}},
		{"acknowledgement", []string{`42456["message-with-ack",1,"2",{"3":[false]}]`}, []string{`43456[1,"2",{"3":[false]}]`}},
		{"acknowledgement with attachments", []string{`452-789["message-with-ack",` + p0 + `,` + p1 + `]`, "b:010203", "b:040506"},
			[]string{`462-789[` + p0 + `,` + p1 + `]`, "b:010203", "b:040506"}},
		{"a number as name", []string{`42[1]`}, []string{`42["number","1",0]`}},
		{"the name connection", []string{`42["connection"]`}, []string{`42["connection seen"]`}},
		{"no event", []string{`42`}, nil},
		{"leading zeros of an id", []string{`42007["ack",1]`}, []string{`437[1]`}},
		{"the main namespace by name", []string{`42/,["echo",1]`}, []string{`42["echo",1]`}},
		{"unexpected acknowledgements", []string{`43`, `43[]`, `4399[]`, `461-1[` + p0 + `]`, "b:00"}, nil},
		{"ten attachments", append([]string{`4510-` + ten}, tenBinaries...),
			append([]string{`4510-` + strings.Replace(ten, "message", "message-back", 1)}, tenBinaries...)},
		{"a pong before the attachment", []string{`451-["echo",` + p0 + `]`, "3", "b:07"}, []string{`451-["echo",` + p0 + `]`, "b:07"}},
		{"an attachment used twice", []string{`451-["echo",` + p0 + `,` + p0 + `]`, "b:07"},
			[]string{`452-["echo",` + p0 + `,` + p1 + `]`, "b:07", "b:07"}},
		{"an unused attachment", []string{`451-["echo"]`, "b:07"}, []string{`42["echo"]`}},
		{"a placeholder without attachments", []string{`42["map",` + p0 + `]`}, []string{`42["map",{"_placeholder":true,"num":0}]`}},
		{"the key __proto__", []string{`42["map",{"__proto__":{"x":1}}]`}, []string{`42["map",{"__proto__":{"x":1}}]`}},
		{"characters stay", []string{`42["echo","` + "\u2028<>&😀" + `"]`}, []string{`42["echo","` + "\u2028<>&😀" + `"]`}},
		{"an empty attachment", []string{`451-["echo",` + p0 + `]`, "b:"}, []string{`451-["echo",` + p0 + `]`, "b:"}},
		{"an event named error", []string{`42["error","x"]`}, []string{`42["error seen","x"]`}},
		{"whitespace", []string{`42 ["echo" , 1 ] `}, []string{`42["echo",1]`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := f.join(t)
			w.send(tc.send...)
			w.want(tc.want...)
			w.alive()
		})
	}
	t.Run("binary by polling", func(t *testing.T) {
		p := f.polling(t)
		p.connect()
		p.post(`451-["message",` + p0 + `]` + "\x1ebAQIDBA==")
		p.want(`451-["message-back",` + p0 + `]` + "\x1ebAQIDBA==")
	})
}

// TestClientLeaves is about the DISCONNECT packet.
func TestClientLeaves(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.watch("/custom")
	})
	t.Run("a disconnect leaves the connection", func(t *testing.T) {
		w := f.join(t, "/", "/custom")
		w.send("41")
		wantReason(t, f, "/ client namespace disconnect")
		w.connect("/")
		w.alive()
		w.conn.Close()
		wait.For(t, "disconnection", f.disconnected)
		wait.For(t, "disconnection", f.disconnected)
	})
	t.Run("a disconnect from another namespace", func(t *testing.T) {
		w := f.join(t, "/", "/custom")
		w.send("41/custom")
		wantReason(t, f, "/custom client namespace disconnect")
		w.alive()
	})
}

// TestInvalidPackets sends what closes a connection.
func TestInvalidPackets(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.watch("/custom")
		for _, event := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"} {
			f.On(event, func(_ context.Context, e *sio.Event) error {
				record(f, f.errors, errors.New("the reserved event "+e.Name()+" was delivered"))
				return nil
			})
		}
	})
	const decode, order = "decode error", "invalid state"
	for _, tc := range []struct {
		name, kind string
		send       []string
	}{
		{"not JSON", decode, []string{"4abc"}},
		{"an object as arguments", decode, []string{"42{}"}},
		{"text after the id", decode, []string{`42abc["message-with-ack",1]`}},
		{"no arguments", decode, []string{"42[]"}},
		{"null as arguments", decode, []string{"42null"}},
		{"null name", decode, []string{"42[null]"}},
		{"bool name", decode, []string{"42[true]"}},
		{"object name", decode, []string{"42[{}]"}},
		{"connect", decode, []string{`42["connect"]`}},
		{"connect_error", decode, []string{`42["connect_error"]`}},
		{"disconnect", decode, []string{`42["disconnect"]`}},
		{"escaped", decode, []string{`42["dis\u0063onnect"]`}},
		{"disconnecting", decode, []string{`42["disconnecting"]`}},
		{"newListener", decode, []string{`42["newListener"]`}},
		{"removeListener", decode, []string{`42["removeListener"]`}},
		{"cut", decode, []string{`42["a"`}},
		{"trailing", decode, []string{`42["a"]x`}},
		{"disconnect with data", decode, []string{"41{}"}},
		{"disconnect with text", decode, []string{`41"x"`}},
		{"error", order, []string{"44"}},
		{"error with data", order, []string{"44{}"}},
		{"error with message", order, []string{`44{"message":"x"}`}},
		{"sign", decode, []string{`42-1["a"]`}},
		{"point", decode, []string{`421.5["a"]`}},
		{"a namespace that was not joined", order, []string{`42/custom,["a"]`}},
		{"unknown", order, []string{`42/unknown,["a"]`}},
		{"disconnect", order, []string{`41/custom`}},
		{"no number", decode, []string{`45-["a"]`}},
		{"zero", decode, []string{`450-["a"]`}},
		{"no count", decode, []string{`45["a"]`}},
		{"no dash", decode, []string{`451["a"]`}},
		{"too many", decode, []string{`4511-["a"]`}},
		{"text", decode, []string{`451-["a",` + p0 + `]`, `42["echo"]`}},
		{"unexpected", decode, []string{"b:00"}},
		{"one too many", decode, []string{`452-["a"]`, "b:00", "b:00", "b:00"}},
		{"out of range", decode, []string{`451-["a",{"_placeholder":true,"num":5}]`, "b:00"}},
		{"text", decode, []string{`451-["a",{"_placeholder":true,"num":"0"}]`, "b:00"}},
		{"negative", decode, []string{`451-["a",{"_placeholder":true,"num":-1}]`, "b:00"}},
		{"binary name", decode, []string{`451-[` + p0 + `]`, "b:00"}},
		{"no type", decode, []string{"4"}},
		{"a space as type", decode, []string{"4 "}},
		{"unknown type", decode, []string{"47"}},
		{"negative type", decode, []string{"4-1"}},
		{"ack of an object", decode, []string{"431{}"}},
		{"connect with an array", decode, []string{"40/custom,[]"}},
		{"connect with null", decode, []string{"40/custom,null"}},
		{"connect without slash", decode, []string{"40custom"}},
		{"connect again", order, []string{"40"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := f.Stats()
			w := f.join(t)
			wait.For(t, "connection", f.connected)
			w.send(tc.send...)
			w.wantClosed()
			wantReason(t, f, "/ forced close")
			after := f.Stats()
			if tc.kind == decode {
				var packet *sio.PacketError
				if err := wait.For(t, "error", f.errors); !errors.As(err, &packet) {
					t.Errorf("the error is %v", err)
				}
				if after.InvalidPackets != before.InvalidPackets+1 {
					t.Error("it was not counted as an invalid packet")
				}
			} else if after.OutOfOrder != before.OutOfOrder+1 {
				t.Error("it was not counted as out of order")
			}
			empty(t, "errors", f.errors)
		})
	}
	t.Run("events before an invalid packet of a POST", func(t *testing.T) {
		p := f.polling(t)
		p.connect()
		p.post(`42["echo",1]` + "\x1eabc")
		wantReason(t, f, "/ parse error")
		if n := f.Stats().PacketsOut; n != 0 {
			t.Error("the handler was called")
		}
	})
}
