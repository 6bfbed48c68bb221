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
		{"S20", []string{`42["message",1,"2",{"3":[true]}]`}, []string{`42["message-back",1,"2",{"3":[true]}]`}},
		{"S21", []string{`452-["message",` + p0 + `,` + p1 + `]`, "b:010203", "b:040506"},
			[]string{`452-["message-back",` + p0 + `,` + p1 + `]`, "b:010203", "b:040506"}},
		{"S22", []string{`42456["message-with-ack",1,"2",{"3":[false]}]`}, []string{`43456[1,"2",{"3":[false]}]`}},
		{"S23", []string{`452-789["message-with-ack",` + p0 + `,` + p1 + `]`, "b:010203", "b:040506"},
			[]string{`462-789[` + p0 + `,` + p1 + `]`, "b:010203", "b:040506"}},
		{"S31 number", []string{`42[1]`}, []string{`42["number","1",0]`}},
		{"S31 name", []string{`42["connection"]`}, []string{`42["connection seen"]`}},
		{"S32", []string{`42`}, nil},
		{"S36", []string{`42007["ack",1]`}, []string{`437[1]`}},
		{"S38", []string{`42/,["echo",1]`}, []string{`42["echo",1]`}},
		{"S39", []string{`43`, `43[]`, `4399[]`, `461-1[` + p0 + `]`, "b:00"}, nil},
		{"S41", append([]string{`4510-` + ten}, tenBinaries...),
			append([]string{`4510-` + strings.Replace(ten, "message", "message-back", 1)}, tenBinaries...)},
		{"S43", []string{`451-["echo",` + p0 + `]`, "3", "b:07"}, []string{`451-["echo",` + p0 + `]`, "b:07"}},
		{"S45 twice", []string{`451-["echo",` + p0 + `,` + p0 + `]`, "b:07"},
			[]string{`452-["echo",` + p0 + `,` + p1 + `]`, "b:07", "b:07"}},
		{"S45 unused", []string{`451-["echo"]`, "b:07"}, []string{`42["echo"]`}},
		{"S46", []string{`42["map",` + p0 + `]`}, []string{`42["map",{"_placeholder":true,"num":0}]`}},
		{"S47", []string{`42["map",{"__proto__":{"x":1}}]`}, []string{`42["map",{"__proto__":{"x":1}}]`}},
		{"S48", []string{`42["echo","` + "\u2028<>&😀" + `"]`}, []string{`42["echo","` + "\u2028<>&😀" + `"]`}},
		{"S50", []string{`451-["echo",` + p0 + `]`, "b:"}, []string{`451-["echo",` + p0 + `]`, "b:"}},
		{"S53", []string{`42["error","x"]`}, []string{`42["error seen","x"]`}},
		{"whitespace", []string{`42 ["echo" , 1 ] `}, []string{`42["echo",1]`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := f.join(t)
			w.send(tc.send...)
			w.want(tc.want...)
			w.alive()
		})
	}
	t.Run("S49", func(t *testing.T) {
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
	t.Run("S27", func(t *testing.T) {
		w := f.join(t, "/", "/custom")
		w.send("41")
		wantReason(t, f, "/ client namespace disconnect")
		w.connect("/")
		w.alive()
		w.conn.Close()
		wait.For(t, "disconnection", f.disconnected)
		wait.For(t, "disconnection", f.disconnected)
	})
	t.Run("S28", func(t *testing.T) {
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
		{"S24", decode, []string{"4abc"}},
		{"S25", decode, []string{"42{}"}},
		{"S26", decode, []string{`42abc["message-with-ack",1]`}},
		{"S29 empty", decode, []string{"42[]"}},
		{"S29 null", decode, []string{"42null"}},
		{"S29 null name", decode, []string{"42[null]"}},
		{"S29 bool name", decode, []string{"42[true]"}},
		{"S29 object name", decode, []string{"42[{}]"}},
		{"S30 connect", decode, []string{`42["connect"]`}},
		{"S30 connect_error", decode, []string{`42["connect_error"]`}},
		{"S30 disconnect", decode, []string{`42["disconnect"]`}},
		{"S30 escaped", decode, []string{`42["dis\u0063onnect"]`}},
		{"S30 disconnecting", decode, []string{`42["disconnecting"]`}},
		{"S30 newListener", decode, []string{`42["newListener"]`}},
		{"S30 removeListener", decode, []string{`42["removeListener"]`}},
		{"S33 cut", decode, []string{`42["a"`}},
		{"S33 trailing", decode, []string{`42["a"]x`}},
		{"S34 disconnect with data", decode, []string{"41{}"}},
		{"S34 disconnect with text", decode, []string{`41"x"`}},
		{"S34 error", order, []string{"44"}},
		{"S34 error with data", order, []string{"44{}"}},
		{"S34 error with message", order, []string{`44{"message":"x"}`}},
		{"S35 sign", decode, []string{`42-1["a"]`}},
		{"S35 point", decode, []string{`421.5["a"]`}},
		{"S37", order, []string{`42/custom,["a"]`}},
		{"S37 unknown", order, []string{`42/unknown,["a"]`}},
		{"S37 disconnect", order, []string{`41/custom`}},
		{"S40 no number", decode, []string{`45-["a"]`}},
		{"S40 zero", decode, []string{`450-["a"]`}},
		{"S40 no count", decode, []string{`45["a"]`}},
		{"S40 no dash", decode, []string{`451["a"]`}},
		{"S40 too many", decode, []string{`4511-["a"]`}},
		{"S42 text", decode, []string{`451-["a",` + p0 + `]`, `42["echo"]`}},
		{"S42 unexpected", decode, []string{"b:00"}},
		{"S42 one too many", decode, []string{`452-["a"]`, "b:00", "b:00", "b:00"}},
		{"S44 out of range", decode, []string{`451-["a",{"_placeholder":true,"num":5}]`, "b:00"}},
		{"S44 text", decode, []string{`451-["a",{"_placeholder":true,"num":"0"}]`, "b:00"}},
		{"S44 negative", decode, []string{`451-["a",{"_placeholder":true,"num":-1}]`, "b:00"}},
		{"binary name", decode, []string{`451-[` + p0 + `]`, "b:00"}},
		{"S51", decode, []string{"4"}},
		{"S54", decode, []string{"4 "}},
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
	t.Run("S52", func(t *testing.T) {
		p := f.polling(t)
		p.connect()
		p.post(`42["echo",1]` + "\x1eabc")
		wantReason(t, f, "/ parse error")
		if n := f.Stats().PacketsOut; n != 0 {
			t.Error("the handler was called")
		}
	})
}
