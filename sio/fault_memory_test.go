//go:build linux

package sio_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/child"
	"github.com/sioserver/sioserver/sio"
)

// smallMemory has this program be the server of TestSmallMemory.
const smallMemory = "SIOSERVER_TEST_SMALL_MEMORY"

// smallLimit is the server's GOMEMLIMIT.
const smallLimit = 48 << 20

// smallServer serves until its standard input ends. What clients send of "blob"
// goes to the clients that have sent "sink".
func smallServer(t *testing.T) {
	srv, err := sio.New(sio.Config{Loops: 2, MaxQueued: 1 << 20, MaxQueuedTotal: 8 << 20, Logger: slog.New(slog.DiscardHandler),
		OnError: func(*sio.Socket, string, error) {}})
	if err != nil {
		t.Fatal(err)
	}
	sio.OnAck(srv, "echo", func(_ context.Context, _ *sio.Socket, x string) (string, error) { return x, nil })
	sio.On(srv, "blob", func(_ context.Context, s *sio.Socket, b []byte) error { return srv.To("sink").Emit("blob", b) })
	sio.On(srv, "sink", func(_ context.Context, s *sio.Socket, _ sio.None) error { return s.Join("sink") })
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	fmt.Println("at", srv.Addr())
	io.Copy(io.Discard, os.Stdin)
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSmallMemory attacks a server that has little memory (GOMEMLIMIT) by all
// that makes it keep something: messages and requests that are never complete,
// large broadcasts to clients that do not read, and sessions that go nowhere.
// Honest clients are served all the time, and the process lives, of a size near
// its limit.
func TestSmallMemory(t *testing.T) {
	if os.Getenv(smallMemory) != "" {
		smallServer(t)
		return
	}
	t.Parallel()
	server := child.Start(t, []string{smallMemory + "=1", fmt.Sprint("GOMEMLIMIT=", smallLimit)}, "-test.run=^TestSmallMemory$")
	addr := addressOf(t, server)

	var stop atomic.Bool
	var attackers sync.WaitGroup
	attack := func(n int, what func(c net.Conn)) {
		for range n {
			attackers.Go(func() {
				for !stop.Load() {
					c, err := net.Dial("tcp", addr)
					if err != nil {
						continue
					}
					c.SetDeadline(time.Now().Add(3 * time.Second))
					what(c)
					c.Close()
				}
			})
		}
	}
	upgrade := func(c net.Conn) { io.WriteString(c, eiotest.UpgradeRequest("/socket.io/?EIO=4&transport=websocket")) }
	piece := make([]byte, 16<<10)
	attack(20, func(c net.Conn) { // messages that are not whole, as large as they may be
		upgrade(c)
		c.Write([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 15, 66, 64, 0, 0, 0, 0})
		for range 60 {
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
		io.Copy(io.Discard, c)
	})
	attack(20, func(c net.Conn) { // and requests
		fmt.Fprintf(c, "POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: a\r\nX: %s\r\n", strings.Repeat("y", 15_000))
		io.Copy(io.Discard, c)
	})
	attack(10, func(c net.Conn) { // clients that join and don't read
		upgrade(c)
		c.Write(eiotest.AppendFrame(nil, 0x80|eiotest.OpText, []byte("40")))
		c.Write(eiotest.AppendFrame(nil, 0x80|eiotest.OpText, []byte(`42["sink"]`)))
		for !stop.Load() {
			if _, err := c.Write([]byte{0x80 | eiotest.OpPong, 0x80, 0, 0, 0, 0}); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond) // between signs of life
		}
	})
	attack(4, func(c net.Conn) { // broadcasts of 200 KB
		upgrade(c)
		c.Write(eiotest.AppendFrame(nil, 0x80|eiotest.OpText, []byte("40")))
		for range 3 {
			c.Write(eiotest.AppendFrame(nil, 0x80|eiotest.OpText, []byte(`451-["blob",{"_placeholder":true,"num":0}]`)))
			c.Write(eiotest.AppendFrame(nil, 0x80|eiotest.OpBinary, make([]byte, 200_000)))
		}
	})
	attack(10, func(c net.Conn) { // sessions that nothing comes of
		io.WriteString(c, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n")
		c.Read(make([]byte, 100))
	})

	var largest, served int
	// How long the attack is, not a wait for something.
	for begun := time.Now(); time.Since(begun) < 8*time.Second || served < 10; served++ {
		c := &cutting{addr: addr, left: -1}
		if err := firstOf(c.openWebSocket, c.open, func() error { return c.send("40") }, func() error { return c.want("40{") },
			func() error { return c.send(`421["echo","x"]`) }, func() error { return c.want(`431["x"]`) }); err != nil {
			t.Errorf("an honest client: %v", err)
		}
		c.reset = true
		c.cut()
		largest = max(largest, resident(t, server.PID()))
	}
	stop.Store(true)
	attackers.Wait()
	t.Logf("%d honest clients were served; the process had up to %d MB", served, largest>>20)
	// What the runtime does not count, such as the program itself, is beyond
	// the limit, and so is what the race detector keeps.
	if largest > 3*smallLimit && !cutSeldom {
		t.Errorf("the process had %d MB, its limit is %d", largest>>20, smallLimit>>20)
	}
	server.End()
}

// resident is how much memory a process has.
func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	var pages, own int
	if err == nil {
		_, err = fmt.Sscan(string(b), &pages, &own)
	}
	if err != nil {
		t.Fatal("the server has died: ", err)
	}
	return own * os.Getpagesize()
}
