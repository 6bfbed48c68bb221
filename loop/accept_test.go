//go:build linux

package loop_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/child"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

const hogEnv = "LOOP_TEST_HOG_SERVER"

func init() { servers[hogEnv] = hogServer }

// hogServer is an echo server in a process that has few descriptors. Another
// part of the process takes all of them, by commands: "grab" keeps them,
// "fight" opens and closes as fast as it can, "free" ends both, "report" prints
// the server's failures. A line answers each command.
func hogServer() {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 300, Max: 300}); err != nil {
		panic(err)
	}
	var log bytes.Buffer
	var mu sync.Mutex
	logger := slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))
	var engine atomic.Pointer[loop.Engine]
	e, err := loop.Listen(loop.Config{Addr: "127.0.0.1:0", Loops: 2, Logger: logger}, func(*loop.Conn) loop.Handler {
		return &mover{&engine}
	})
	if err != nil {
		panic(err)
	}
	engine.Store(e)
	fmt.Println(e.Addr())
	var free chan struct{}
	var hogs sync.WaitGroup
	for commands := bufio.NewScanner(os.Stdin); commands.Scan(); {
		switch commands.Text() {
		case "grab":
			var held []int
			for fd, err := hogOpen(); err == nil; fd, err = hogOpen() {
				held = append(held, fd)
			}
			free = make(chan struct{})
			hogs.Go(func() {
				<-free
				for _, fd := range held {
					syscall.Close(fd)
				}
			})
		case "fight":
			for range 2 {
				hogs.Go(func() { hogFight(free) })
			}
		case "free":
			close(free)
			hogs.Wait()
		case "report":
			select {
			case <-e.Done():
				fmt.Print("ended: ", e.Err(), "; ")
			default:
			}
			mu.Lock()
			fmt.Printf("%d failures, %d warnings, ", e.Stats().AcceptFailures, strings.Count(log.String(), "level=WARN"))
			fmt.Printf("cause %t, ", strings.Contains(log.String(), syscall.EMFILE.Error()))
			mu.Unlock()
		}
		fmt.Println("done")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println("shutdown:", e.Shutdown(ctx))
}

// mover echoes. An 'm' moves the connection to the other loop, where it echoes
// an 'x'.
type mover struct{ engine *atomic.Pointer[loop.Engine] }

func (h *mover) Data(c *loop.Conn, b []byte) {
	if b[0] != 'm' {
		c.Send(frame(b))
		return
	}
	to := h.engine.Load().Loops()[1-c.Loop().Index()]
	c.MoveTo(to, []byte("x"), func(*loop.Conn) loop.Handler { return h })
}

func (*mover) Flushed(*loop.Conn)       {}
func (*mover) Closed(*loop.Conn, error) {}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func hogOpen() (int, error) { return syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0) }

// hogFight takes every descriptor that becomes free, and gives some back at
// times, for others to race for them.
func hogFight(free <-chan struct{}) {
	var held []int
	for round := 0; ; round++ {
		fd, err := hogOpen()
		if err == nil {
			held = append(held, fd)
		}
		if (err != nil || round%64 == 0) && len(held) > 0 {
			syscall.Close(held[len(held)-1])
			held = held[:len(held)-1]
		}
		select {
		case <-free:
			for _, fd := range held {
				syscall.Close(fd)
			}
			return
		default:
		}
	}
}

// hog is the process of hogServer.
type hog struct {
	*child.Process
	t    *testing.T
	addr string
}

func startHog(t *testing.T) *hog {
	t.Helper()
	h := &hog{Process: child.Start(t, []string{hogEnv + "=1"}), t: t}
	h.addr = h.Line()
	return h
}

// do has a command carried out, and returns what was printed for it.
func (h *hog) do(command string) string {
	h.t.Helper()
	return strings.TrimSuffix(h.Do(command), ", done")
}

func (h *hog) dial() net.Conn {
	h.t.Helper()
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal("the server does not listen:", err)
	}
	h.t.Cleanup(func() { c.Close() })
	return c
}

// echoes reports whether c is served; it may be closed for want of descriptors.
func (h *hog) echoes(c net.Conn) bool {
	h.t.Helper()
	c.SetDeadline(time.Now().Add(wait.Patience))
	if _, err := c.Write([]byte("x")); err != nil {
		return false
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	if e, ok := err.(net.Error); ok && e.Timeout() {
		h.t.Fatal("a connection is neither served nor closed")
	}
	return err == nil
}

// report returns how often accept has failed, and whether the log has the
// cause, once.
func (h *hog) report() (failures int, logged bool) {
	h.t.Helper()
	var warnings int
	var cause bool
	got := h.do("report")
	if _, err := fmt.Sscanf(got, "%d failures, %d warnings, cause %t", &failures, &warnings, &cause); err != nil {
		h.t.Fatalf("the server reports %q", got)
	}
	return failures, warnings == 1 && cause
}

func (h *hog) mustEcho(conns []net.Conn, when string) {
	h.t.Helper()
	for i, c := range conns {
		if !h.echoes(c) {
			h.t.Fatalf("%s: connection %d is lost", when, i)
		}
	}
}

// TestAcceptWithoutDescriptors: a connection that can't be accepted waits until
// it can be, and connections that are open are served.
func TestAcceptWithoutDescriptors(t *testing.T) {
	h := startHog(t)
	old := []net.Conn{h.dial(), h.dial(), h.dial(), h.dial(), h.dial(), h.dial(), h.dial(), h.dial()}
	h.mustEcho(old, "at first")
	begun := time.Now()
	h.do("grab")
	var waiting []net.Conn
	for range 8 {
		waiting = append(waiting, h.dial())
	}
	for range 20 {
		h.mustEcho(old, "without descriptors")
	}
	for logged := false; !logged; _, logged = h.report() {
		time.Sleep(time.Millisecond) // until the first pause is over
	}
	h.do("free")
	h.mustEcho(waiting, "afterwards")
	h.mustEcho(old, "afterwards")
	failures, logged := h.report()
	if most := int64(time.Since(begun)/(20*time.Millisecond)+1) * 2; int64(failures) > most || !logged {
		t.Errorf("%d failures, at most %d with two loops that pause; logged once: %t", failures, most, logged)
	}
	if got := h.End(); got != "shutdown: <nil>\n" {
		t.Error(got)
	}
}

// TestAcceptRacesForDescriptors has other threads take the descriptors that
// accept needs.
func TestAcceptRacesForDescriptors(t *testing.T) {
	h := startHog(t)
	var old []net.Conn
	for range 8 {
		old = append(old, h.dial())
	}
	h.mustEcho(old, "at first")
	h.do("grab")
	h.do("fight")
	for range 50 {
		for range 4 {
			c := h.dial() // accepted, or closed for its high number, or waiting
			c.Write([]byte("x"))
			c.Close()
		}
		h.mustEcho(old, "in the race")
	}
	h.do("free")
	h.mustEcho(old, "afterwards")
	h.mustEcho([]net.Conn{h.dial(), h.dial(), h.dial(), h.dial()}, "afterwards")
	if failures, _ := h.report(); failures == 0 {
		t.Error("no accept has failed")
	}
}

// TestMoveWithoutDescriptors: a connection that moves waits for descriptors and
// is not lost.
func TestMoveWithoutDescriptors(t *testing.T) {
	h := startHog(t)
	var moving, staying []net.Conn
	for range 8 {
		moving = append(moving, h.dial())
		staying = append(staying, h.dial())
	}
	h.mustEcho(moving, "at first")
	h.mustEcho(staying, "at first")
	h.do("grab")
	h.do("fight")
	for _, c := range moving {
		if _, err := c.Write([]byte("m")); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		h.mustEcho(staying, "during the moves")
	}
	h.do("free")
	for i, c := range moving {
		c.SetDeadline(time.Now().Add(wait.Patience))
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatalf("connection %d is lost on its way: %v", i, err)
		}
	}
	h.mustEcho(moving, "afterwards")
}
