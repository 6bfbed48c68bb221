//go:build linux

package loop_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/child"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

const (
	floodEnv   = "LOOP_TEST_FLOOD_SERVER"
	floodLimit = 200
)

func init() { servers[floodEnv] = floodServer }

// floodServer is the process that TestDescriptorExhaustion floods: an echo
// server with few descriptors. It ends with its standard input.
func floodServer() {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: floodLimit, Max: floodLimit}); err != nil {
		panic(err)
	}
	e, err := loop.Listen(loop.Config{Addr: "127.0.0.1:0", Loops: 2}, acceptEcho)
	if err != nil {
		panic(err)
	}
	fmt.Println(e.Addr())
	go func() {
		<-e.Done()
		fmt.Println("ended:", e.Err())
	}()
	io.Copy(io.Discard, os.Stdin)
	fmt.Println("rejected", e.Stats().Rejected > 0)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	e.Shutdown(ctx)
}

func TestDescriptorExhaustion(t *testing.T) {
	server := child.Start(t, []string{floodEnv + "=1"})
	addr := server.Line()
	ping := func(c net.Conn) bool {
		c.SetDeadline(time.Now().Add(wait.Patience))
		if _, err := c.Write([]byte("x")); err != nil {
			return false
		}
		_, err := io.ReadFull(c, make([]byte, 1))
		return err == nil
	}
	for round := range 3 {
		var conns []net.Conn
		served := 0
		for range 3 * floodLimit {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatalf("round %d: the server has died: %v", round, err)
			}
			conns = append(conns, c)
		}
		for _, c := range conns {
			if ping(c) {
				served++
			}
		}
		if served < floodLimit/4 || served >= floodLimit {
			t.Errorf("round %d: %d of %d connections are served", round, served, len(conns))
		}
		for _, c := range conns {
			c.Close()
		}
		wait.Until(t, fmt.Sprintf("round %d: served again after the flood", round), func() bool {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			defer c.Close()
			return ping(c)
		})
	}
	if rest := server.End(); !strings.HasPrefix(rest, "rejected true\n") {
		t.Errorf("the server says %q", rest)
	}
}
