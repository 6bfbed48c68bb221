package loop_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// servers are what this program does instead of the tests when an environment
// variable is set.
var servers = map[string]func(){}

// TestMain fails when the tests leave goroutines or descriptors behind.
func TestMain(m *testing.M) {
	for env, server := range servers {
		if os.Getenv(env) != "" {
			server()
			return
		}
	}
	warm, err := net.Listen("tcp", "127.0.0.1:0") // the runtime's own poller
	if err != nil {
		panic(err)
	}
	warm.Close()
	before := descriptors()
	code := m.Run()
	if code == 0 {
		if left := awaitNothingLeft(before); left != "" {
			fmt.Fprintln(os.Stderr, "left behind:", left)
			code = 1
		}
	}
	os.Exit(code)
}

// descriptors is how many the process has; 0 where the system does not list
// them.
func descriptors() int {
	d, _ := os.ReadDir("/proc/self/fd")
	return len(d)
}

// awaitNothingLeft waits until there are no more descriptors than before and no
// goroutine of the engine, and tells what remains.
func awaitNothingLeft(before int) (left string) {
	deadline := time.Now().Add(wait.Patience)
	for {
		left = ""
		if n := descriptors(); n > before {
			left = fmt.Sprintf("%d descriptors, %d at first", n, before)
		}
		buf := make([]byte, 1<<20)
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			// ants' workers serve all of the process and outlive the engine.
			if (strings.Contains(g, "sioserver/loop.") || strings.Contains(g, "sioserver/loop/internal") || strings.Contains(g, "gnet/v2.(")) &&
				!strings.Contains(g, "awaitNothingLeft") && !strings.Contains(g, "ants") {
				left += "\n" + g
			}
		}
		if left == "" || time.Now().After(deadline) {
			return left
		}
		time.Sleep(time.Millisecond)
	}
}

// start runs an engine until the test ends.
func start(tb testing.TB, cfg loop.Config, accept func(*loop.Conn) loop.Handler) *loop.Engine {
	tb.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	e, err := loop.Listen(cfg, accept)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { shutdown(tb, e) })
	return e
}

func shutdown(tb testing.TB, e *loop.Engine) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
	defer cancel()
	if err := e.Shutdown(ctx); err != nil {
		tb.Errorf("Shutdown: %v", err)
	}
}

func dial(tb testing.TB, e *loop.Engine) *net.TCPConn {
	tb.Helper()
	c, err := net.Dial("tcp", e.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(wait.Patience))
	return c.(*net.TCPConn)
}
