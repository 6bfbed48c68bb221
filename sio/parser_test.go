package sio_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// packed is a value as a message, in the form that ws.send takes.
func packed(t testing.TB, v any) string {
	t.Helper()
	b, err := msgpack.AppendValue(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return "b:" + hex.EncodeToString(b)
}

type dict = map[string]any

// wantPacked takes a message and compares it as JSON.
func (w *ws) wantPacked(want string) {
	w.t.Helper()
	if got := unpacked(w.t, w.recv()); got != want {
		w.t.Fatalf("got %s, want %s", got, want)
	}
}

func unpacked(t testing.TB, message string) string {
	t.Helper()
	raw, err := hex.DecodeString(strings.TrimPrefix(message, "b:"))
	if err != nil {
		t.Fatalf("got %q, want a binary message", message)
	}
	b, err := msgpack.AppendJSON(nil, raw)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func packedServer(t testing.TB, cfg sio.Config, setup func(f *fixture)) *fixture {
	t.Helper()
	cfg.Parser = sio.MessagePack()
	return serve(t, cfg, func(f *fixture) {
		f.On("echo", func(_ context.Context, e *sio.Event) error {
			args := make([]any, e.Len())
			to := make([]any, len(args))
			for i := range args {
				to[i] = &args[i]
			}
			if err := e.Bind(to...); err != nil {
				return err
			}
			if e.WantsAck() {
				return e.Ack(args...)
			}
			return e.Socket().Emit("echo", args...)
		})
		sio.OnAck(f, "typed", func(_ context.Context, _ *sio.Socket, a sio.Args2[string, []byte]) (int, error) {
			return len(a.A) + len(a.B), nil
		}, sio.Inline())
		sio.OnAck(f, "json", func(_ context.Context, _ *sio.Socket, a []json.RawMessage) ([]json.RawMessage, error) { return a, nil })
		if setup != nil {
			setup(f)
		}
	})
}

// joinPacked connects to "/".
func (f *fixture) joinPacked(t testing.TB) *ws {
	t.Helper()
	w := f.dial(t)
	// The stock client's, data undefined.
	w.send("b:83a474797065" + "00" + "a464617461d40000" + "a36e7370a12f")
	if got := unpacked(t, w.recv()); !strings.HasPrefix(got, `{"type":0,"nsp":"/","data":{"sid":"`) {
		t.Fatalf("got %s, want a CONNECT", got)
	}
	return w
}

// TestMessagePack is X6.
func TestMessagePack(t *testing.T) {
	f := packedServer(t, sio.Config{}, func(f *fixture) {
		f.Of("/a").Use(func(s *sio.Socket) error {
			var auth struct{ Token string }
			if err := s.Handshake().BindAuth(&auth); err != nil || auth.Token != "right" {
				return &sio.ConnectError{Message: "bad", Data: dict{"x": 1}}
			}
			return nil
		})
		f.Of("/b").Use(func(*sio.Socket) error { return errors.New("bad") })
		f.On("text", func(_ context.Context, e *sio.Event) error { return e.Socket().Emit("text", e.String()) })
	})
	w := f.joinPacked(t)
	s := wait.For(t, "connection", f.connected)
	w.send(packed(t, dict{"type": 2, "nsp": "/", "data": []any{"echo", 1, "é", []byte{1, 2}, dict{"x": nil}}, "options": dict{"compress": true}}))
	w.wantPacked(`{"type":2,"nsp":"/","data":["echo",1,"é","AQI=",{"x":null}]}`)
	w.send(packed(t, dict{"type": 2, "nsp": "/", "id": 7, "data": []any{"typed", "abc", []byte{1, 2}}}))
	w.wantPacked(`{"type":3,"nsp":"/","id":7,"data":[5]}`)
	w.send(packed(t, dict{"type": 2, "nsp": "/", "id": 8, "data": []any{"json", "abc", []byte{1, 2}}}))
	w.wantPacked(`{"type":3,"nsp":"/","id":8,"data":["abc","AQI="]}`)
	w.send(packed(t, dict{"type": 2, "nsp": "/", "data": []any{"text", "abc", dict{"x": nil}}}))
	w.wantPacked(`{"type":2,"nsp":"/","data":["text","[\"abc\",{\"x\":null}]"]}`)
	answer := make(chan string, 1)
	go func() {
		v, err := sio.EmitAck[sio.Args2[string, []byte]](context.Background(), s, "q", []byte{3})
		if err != nil {
			t.Error(err)
		}
		answer <- v.A + string(v.B)
	}()
	w.wantPacked(`{"type":2,"nsp":"/","id":0,"data":["q","Aw=="]}`)
	w.send(packed(t, dict{"type": 3, "nsp": "/", "id": 0, "data": []any{"a", []byte("b")}}))
	if got := wait.For(t, "answer", answer); got != "ab" {
		t.Errorf("answered %q", got)
	}
	w.send(packed(t, dict{"type": 0, "nsp": "/nope"}))
	w.wantPacked(`{"type":4,"nsp":"/nope","data":{"message":"Invalid namespace"}}`)
	w.send(packed(t, dict{"type": 0, "nsp": "/b"}))
	w.wantPacked(`{"type":4,"nsp":"/b","data":{"message":"bad"}}`)
	w.send(packed(t, dict{"type": 0, "nsp": "/a", "data": dict{"Token": "wrong"}}))
	w.wantPacked(`{"type":4,"nsp":"/a","data":{"message":"bad","data":{"x":1}}}`)
	w.send(packed(t, dict{"type": 0, "nsp": "/a", "data": dict{"Token": "right"}}))
	if got := unpacked(t, w.recv()); !strings.HasPrefix(got, `{"type":0,"nsp":"/a","data":{"sid":"`) {
		t.Errorf("got %s", got)
	}
	s.Disconnect(false)
	w.wantPacked(`{"type":1,"nsp":"/"}`)
	wantReason(t, f, "/ server namespace disconnect")

	p := f.polling(t)
	connect, _ := hex.DecodeString(packed(t, dict{"type": 0, "nsp": "/"})[2:])
	p.post("b" + base64.StdEncoding.EncodeToString(connect))
	reply, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(p.poll(), "b"))
	if err != nil || !strings.HasPrefix(unpacked(t, hex.EncodeToString(reply)), `{"type":0,"nsp":"/","data":{"sid":"`) {
		t.Errorf("polled %q, %v", reply, err)
	}
}

// TestMessagePackInvalid is X7.
func TestMessagePackInvalid(t *testing.T) {
	f := packedServer(t, sio.Config{}, nil)
	for _, message := range []string{
		packed(t, dict{"type": 5, "nsp": "/", "data": []any{"echo"}}),
		packed(t, dict{"type": 2, "data": []any{"echo"}}),
		packed(t, dict{"type": 2, "nsp": "/", "data": dict{"echo": 1}}),
		packed(t, dict{"type": 2, "nsp": "/", "data": []any{"echo"}, "id": "1"}),
		packed(t, dict{"type": 2, "nsp": "/", "data": []any{"echo"}, "id": nil}),
		packed(t, dict{"type": 2, "nsp": "/", "data": []any{"echo"}}) + "00",
		packed(t, dict{"type": 2, "nsp": "/", "data": []any{}}),
		packed(t, dict{"type": 2, "nsp": "/", "data": []any{"disconnect"}}),
		packed(t, dict{"type": 0, "nsp": "/new", "data": []any{}}),
		`42["echo"]`, "4", "b:", "b:c1",
	} {
		w := f.joinPacked(t)
		w.send(message)
		w.wantClosed()
		wantReason(t, f, "/ forced close")
		if err := (*sio.PacketError)(nil); !errors.As(wait.For(t, "error", f.errors), &err) {
			t.Errorf("%s: no packet error", message)
		}
	}
}

// TestMessagePackUndefined is X8.
func TestMessagePackUndefined(t *testing.T) {
	f := packedServer(t, sio.Config{}, nil)
	w := f.joinPacked(t)
	// {type: 2, nsp: "/", data: ["echo", undefined, {x: undefined, y: 1}]}
	w.send("b:83a47479706502a36e7370a12fa46461746193a46563686fd4000082a178d40000a17901")
	w.wantPacked(`{"type":2,"nsp":"/","data":["echo",null,{"y":1}]}`)
	// {type: 1, nsp: "/", data: undefined}
	w.send("b:83a47479706501a36e7370a12fa464617461d40000")
	wantReason(t, f, "/ client namespace disconnect")
}

// TestMessagePackRecovery puts the offset behind the arguments.
func TestMessagePackRecovery(t *testing.T) {
	f := packedServer(t, sio.Config{ConnectionStateRecovery: &sio.Recovery{}}, nil)
	w := f.dial(t)
	w.send(packed(t, dict{"type": 0, "nsp": "/"}))
	type packet struct {
		Data json.RawMessage
	}
	receive := func(w *ws, v any) {
		t.Helper()
		var p packet
		if err := json.Unmarshal([]byte(unpacked(t, w.recv())), &p); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(p.Data, v); err != nil {
			t.Fatal(err)
		}
	}
	var id, back struct{ SID, PID string }
	receive(w, &id)
	var event []any
	if err := f.Emit("first", []byte{1}); err != nil {
		t.Fatal(err)
	}
	receive(w, &event)
	if len(event) != 3 || event[1] != "AQ==" {
		t.Fatalf("got %v", event)
	}
	w.conn.Close()
	wantReason(t, f, "/ transport close")
	if err := f.Emit("missed"); err != nil {
		t.Fatal(err)
	}
	w = f.dial(t)
	w.send(packed(t, dict{"type": 0, "nsp": "/", "data": dict{"pid": id.PID, "offset": event[2]}}))
	if receive(w, &event); event[0] != "missed" || len(event) != 2 {
		t.Errorf("got %v", event)
	}
	if receive(w, &back); back != id {
		t.Errorf("back as %v, want %v", back, id)
	}
}
