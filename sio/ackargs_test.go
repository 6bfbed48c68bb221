package sio_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

func ackArgs(_ context.Context, e *sio.Event) error { return e.AckArgs(e.RawArgs) }

// TestAckArgs passes arguments back as they came.
func TestAckArgs(t *testing.T) {
	twice := make(chan error, 1)
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.On("inline", ackArgs, sio.Inline())
		f.On("queued", ackArgs)
		f.On("twice", func(_ context.Context, e *sio.Event) error {
			if err := e.Ack(1); err != nil {
				return err
			}
			twice <- e.AckArgs(e.RawArgs)
			return nil
		})
	})
	w := f.join(t)
	for _, event := range []string{"inline", "queued"} {
		w.send(`425["` + event + `", "a" ,{"x": [1]},null]`)
		w.want(`435["a",{"x": [1]},null]`)
		w.send(`426["` + event + `"]`)
		w.want(`436[]`)
		w.send(`452-7["`+event+`",`+p0+`,"x",{"b":`+p1+`}]`, "b:01", "b:0203")
		w.want(`462-7[`+p0+`,"x",{"b":`+p1+`}]`, "b:01", "b:0203")
	}
	w.send(`428["twice"]`)
	w.want(`438[1]`)
	if err := wait.For(t, "second answer", twice); !errors.Is(err, sio.ErrAcked) {
		t.Errorf("the second answer: %v", err)
	}
	w.send(`42["inline",1]`) // asks for none
	w.send(`429["inline",2]`)
	w.want(`439[2]`)
}

func TestAckArgsMessagePack(t *testing.T) {
	f := packedServer(t, sio.Config{}, func(f *fixture) { f.On("back", ackArgs) })
	w := f.joinPacked(t)
	w.send(packed(t, dict{"type": 2, "nsp": "/", "id": 7, "data": []any{"back", "abc", []byte{1, 2}}}))
	w.wantPacked(`{"type":3,"nsp":"/","id":7,"data":["abc","AQI="]}`)
	w.send(packed(t, dict{"type": 2, "nsp": "/", "id": 8, "data": []any{"back"}}))
	w.wantPacked(`{"type":3,"nsp":"/","id":8,"data":[]}`)
}
