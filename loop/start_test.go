//go:build linux

package loop_test

import (
	"context"
	"io"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// listening is the number of this process's sockets that listen.
func listening(t *testing.T) (n int) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		fd, _ := strconv.Atoi(entry.Name())
		if v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && v != 0 {
			n++
		}
	}
	return n
}

func TestStartWithoutListener(t *testing.T) {
	descriptorsBefore, listeningBefore := descriptors(), listening(t)
	e, err := loop.Start(loop.Config{Loops: 4})
	if err != nil {
		t.Fatal(err)
	}
	if n := listening(t); n != listeningBefore || e.Addr() != nil {
		t.Errorf("%d sockets listen, Addr is %v", n-listeningBefore, e.Addr())
	}
	var ran sync.WaitGroup
	for _, l := range e.Loops() {
		ran.Add(1)
		l.PostFunc(func() { l.AfterFunc(time.Millisecond, ran.Done) })
	}
	ran.Wait()
	for name, ends := range kinds {
		for _, l := range e.Loops() {
			server, c := ends(t)
			c.SetDeadline(time.Now().Add(wait.Patience))
			if err := e.AdoptWith(server, loop.AdoptOptions{Loop: l}, func(*loop.Conn) loop.Handler { return &hopper{loops: e.Loops()} }); err != nil {
				t.Fatal(name, err)
			}
			for range 10 {
				io.WriteString(c, "x")
				if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
					t.Fatal(name, err)
				}
			}
			c.Close()
		}
	}
	if s := e.Stats(); s.LostMoves != 0 {
		t.Errorf("%+v", s)
	}
	shutdown(t, e)
	shutdown(t, e)
	if e.Err() != nil {
		t.Errorf("Err is %v", e.Err())
	}
	if left := awaitNothingLeft(descriptorsBefore); left != "" {
		t.Error("left behind:", left)
	}
}

func TestStartShutdownAtOnce(t *testing.T) {
	for range 20 {
		e, err := loop.Start(loop.Config{Loops: 3})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		e.Shutdown(ctx)
		<-e.Done()
	}
}

func TestStartWantsNoAddr(t *testing.T) {
	if e, err := loop.Start(loop.Config{Addr: "127.0.0.1:0"}); err == nil {
		t.Errorf("%v is started", e.Addr())
	}
}
