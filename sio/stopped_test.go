//go:build unix

package sio_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/child"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

const (
	// stoppable has this program be the server of TestStoppedProcess.
	stoppable = "SIOSERVER_TEST_STOPPABLE"

	stoppedInterval = 300 * time.Millisecond
	stoppedTimeout  = time.Second
	stoppedFor      = 3 * time.Second // more than both
)

// stoppableServer serves until its standard input ends.
func stoppableServer(t *testing.T) {
	f := serve(t, sio.Config{PingInterval: stoppedInterval, PingTimeout: stoppedTimeout, AllowEIO3: true}, echo)
	fmt.Println("at", f.addr)
	io.Copy(io.Discard, os.Stdin)
}

// stoppedProcess is a server in a process of its own.
type stoppedProcess struct {
	*fixture
	*child.Process
	t *testing.T
}

func startStoppable(t *testing.T) *stoppedProcess {
	t.Helper()
	p := &stoppedProcess{t: t, Process: child.Start(t, []string{stoppable + "=1"}, "-test.run=^TestStoppedProcess$")}
	t.Cleanup(func() {
		p.Signal(syscall.SIGCONT)
		closeIdle() // the server waits for the clients to go
		p.End()
	})
	p.fixture = &fixture{addr: addressOf(t, p.Process)}
	return p
}

// addressOf reads the line in which a server says where it listens.
func addressOf(t *testing.T, p *child.Process) string {
	t.Helper()
	line := p.Line()
	addr, ok := strings.CutPrefix(line, "at ")
	if !ok {
		t.Fatalf("the server said %q", line)
	}
	return addr
}

// stop stops the process and returns when no thread of it runs.
func (p *stoppedProcess) stop() {
	p.t.Helper()
	p.Signal(syscall.SIGSTOP)
	wait.Until(p.t, "the process is stopped", func() bool {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
		_, state, _ := bytes.Cut(stat, []byte(") "))
		return bytes.HasPrefix(state, []byte("T"))
	})
}

// posted posts in the background; the channel is closed when it is answered.
func (p *polling) posted(body string) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		p.post(body)
		close(done)
	}()
	return done
}

// wantEcho has an event come back, behind pings perhaps.
func (p *polling) wantEcho(post, echo string) {
	p.t.Helper()
	p.post(post)
	for !strings.Contains(p.poll(), echo) {
	}
}

// TestStoppedProcess stops the server's process for longer than a client may be
// silent. What the clients send meanwhile waits in the kernel, so none is
// dropped when the process goes on.
func TestStoppedProcess(t *testing.T) {
	if os.Getenv(stoppable) != "" {
		stoppableServer(t)
		return
	}
	const event = `42["echo","alive"]`
	for name, run := range map[string]func(t *testing.T, p *stoppedProcess){
		"websocket": func(t *testing.T, p *stoppedProcess) {
			w := p.join(t)
			w.want("2")
			p.stop()
			w.send("3")
			time.Sleep(stoppedFor)
			p.Signal(syscall.SIGCONT)
			for range 5 {
				w.want("2")
				w.send("3")
			}
			w.send(event)
			for got := "2"; got != event; got = w.recv() {
				if got != "2" {
					t.Fatalf("got %q", got)
				}
			}
		},
		"polling": func(t *testing.T, p *stoppedProcess) {
			c := p.polling(t)
			c.connect()
			c.want("2")
			p.stop()
			parked, posted := c.parked(), c.posted("3")
			time.Sleep(stoppedFor)
			p.Signal(syscall.SIGCONT)
			wait.For(t, "answer to the pong", posted)
			if got := wait.For(t, "ping", parked); got != "2" {
				t.Fatalf("polled %q", got)
			}
			for range 5 {
				c.post("3")
				c.want("2")
			}
			c.wantEcho("3\x1e"+event, event)
		},
		"websocket of protocol 3": func(t *testing.T, p *stoppedProcess) {
			w := p.dialEIO(t, 3)
			w.want("40")
			w.send("2")
			w.want("3")
			p.stop()
			pings := int(stoppedFor / stoppedInterval)
			for range pings {
				w.send("2")
				time.Sleep(stoppedInterval)
			}
			p.Signal(syscall.SIGCONT)
			for range pings {
				w.want("3")
			}
			for range 5 {
				w.send("2")
				w.want("3")
				time.Sleep(stoppedInterval)
			}
			w.alive()
		},
		"polling of protocol 3": func(t *testing.T, p *stoppedProcess) {
			c := p.pollingV3(t, "")
			c.want("2:40")
			c.post("1:2")
			c.want("1:3")
			p.stop()
			parked, posted := c.parked(), c.posted("1:2")
			time.Sleep(stoppedFor)
			p.Signal(syscall.SIGCONT)
			wait.For(t, "answer to the ping", posted)
			if got := wait.For(t, "pong", parked); got != "1:3" {
				t.Fatalf("polled %q", got)
			}
			for range 5 {
				c.post("1:2")
				c.want("1:3")
				time.Sleep(stoppedInterval)
			}
			c.wantEcho("18:"+event, event)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, startStoppable(t))
		})
	}
}
