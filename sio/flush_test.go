package sio_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestFlushWaits: Flush returns when what was emitted has left, with the error
// of its context, or when the socket or the connection ends.
func TestFlushWaits(t *testing.T) {
	f := serve(t, sio.Config{}, nil)
	w := f.join(t)
	s := wait.For(t, "connection", f.connected)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatalf("with nothing to wait for: %v", err)
	}
	big := strings.Repeat("x", 32<<20) // more than the kernel takes
	if err := s.Emit("big", big); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Flush(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a short deadline: %v", err)
	}
	wait.Until(t, "bytes are known to wait", func() bool { return s.Queued() > 1<<20 && s.Conn().Queued() > 1<<20 })
	flushed := make(chan error, 1)
	go func() { flushed <- s.Flush(t.Context()) }()
	empty(t, "flush", flushed)
	w.recv()
	if err := wait.For(t, "flush", flushed); err != nil {
		t.Error(err)
	}
	wait.Until(t, "nothing waits", func() bool { return s.Queued() == 0 })

	for _, end := range []func(){
		func() { s.Disconnect(false) },
		func() { s.Conn().Close(true) },
	} {
		if err := s.Emit("big", big); err != nil {
			t.Fatal(err)
		}
		go func() { flushed <- s.Flush(t.Context()) }()
		wait.Until(t, "bytes wait", func() bool { return s.Queued() > 0 })
		end()
		if err := wait.For(t, "flush", flushed); err != sio.ErrDisconnected {
			t.Error(err)
		}
		if err := s.Flush(t.Context()); err != sio.ErrDisconnected {
			t.Error(err)
		}
		f.join(t)
		s = wait.For(t, "connection", f.connected)
	}
}

// TestFlushPolling: over polling it waits for a GET, and goes on over
// WebSocket.
func TestFlushPolling(t *testing.T) {
	f := serve(t, sio.Config{}, nil)
	p := f.polling(t)
	p.connect()
	s := wait.For(t, "connection", f.connected)
	flushed := make(chan error, 1)
	for range 3 {
		if err := s.Emit("e"); err != nil {
			t.Fatal(err)
		}
		go func() { flushed <- s.Flush(t.Context()) }()
		wait.Until(t, "an event waits", func() bool { return s.Queued() > 0 })
		empty(t, "flush", flushed)
		p.want(`42["e"]`)
		if err := wait.For(t, "flush", flushed); err != nil || s.Queued() != 0 {
			t.Errorf("%v, %d wait", err, s.Queued())
		}
	}
}
