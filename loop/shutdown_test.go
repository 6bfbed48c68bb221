package loop_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
)

func TestShutdownFlushesAndLeavesNothing(t *testing.T) {
	before := descriptors()
	const n, size = 20, 1 << 20
	var closed, wrong atomic.Int64
	e, err := loop.Listen(loop.Config{Addr: "127.0.0.1:0", Loops: 2, SocketSendBuffer: 128 << 10}, func(c *loop.Conn) loop.Handler {
		c.Send(frame(bytes.Repeat([]byte("x"), size)))
		return &recorder{closed: func(c *loop.Conn, err error) {
			if closed.Add(1); !errors.Is(err, loop.ErrShutdown) {
				wrong.Add(1)
			}
			c.Loop().PostFunc(func() {}) // must not fail
		}}
	})
	if err != nil {
		t.Fatal(err)
	}
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = dial(t, e)
		if _, err := io.ReadFull(conns[i], make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	e.Loops()[0].PostFunc(func() { e.Loops()[0].AfterFunc(time.Hour, func() {}) })
	got := make(chan int, n)
	for _, c := range conns {
		go func() {
			b, _ := io.ReadAll(c)
			got <- len(b)
		}()
	}
	shutdown(t, e)
	for range conns {
		if g := <-got; g != size-1 {
			t.Errorf("a peer got %d bytes, want %d", g, size-1)
		}
	}
	if closed.Load() != n || wrong.Load() != 0 {
		t.Errorf("%d of %d closed, %d with another error", closed.Load(), n, wrong.Load())
	}
	if e.Err() != nil || e.Loops()[0].PostFunc(func() {}) {
		t.Errorf("Err is %v, or Post works after Shutdown", e.Err())
	}
	shutdown(t, e)
	for _, c := range conns {
		c.Close()
	}
	if left := awaitNothingLeft(before); left != "" {
		t.Error("left behind:", left)
	}
}

func TestShutdownGivesUpWithItsContext(t *testing.T) {
	opened := make(chan struct{})
	e, err := loop.Listen(loop.Config{Addr: "127.0.0.1:0", Loops: 1, SocketSendBuffer: 16 << 10}, func(c *loop.Conn) loop.Handler {
		c.Send(frame(make([]byte, 10<<20)))
		close(opened)
		return echo{}
	})
	if err != nil {
		t.Fatal(err)
	}
	dial(t, e) // does not read
	<-opened
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := e.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Shutdown: %v", err)
	}
	<-e.Done()
}

func TestStopAccepting(t *testing.T) {
	e := start(t, loop.Config{Loops: 2}, acceptEcho)
	c := dial(t, e)
	if _, err := c.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	e.StopAccepting()
	for range 10 {
		if c, err := net.Dial("tcp", e.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("dial: %v, %v", c, err)
		}
	}
	next, err := net.Listen("tcp", e.Addr().String())
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	next.Close()
	if _, err := c.Write([]byte("b")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal("an open connection is no longer served:", err)
	}
}
