// Package child runs the program of a test a second time, for what a test can't
// do to its own process: take its descriptors or its memory, stop it, or have
// its system calls fail. Tests of several packages use it.
package child

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// Process is a second run of the test's program. It belongs to the goroutine of
// the test.
type Process struct {
	t    testing.TB
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	wait func() error
}

// Start runs the program with args. env is added to the environment: it tells
// the program what to be. Standard error is that of this process. The process
// is killed when the test ends.
func Start(t testing.TB, env []string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, cmd: exec.Command(os.Args[0], args...)}
	p.wait = sync.OnceValue(p.cmd.Wait)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.wait()
	})
	p.in, p.out = in, bufio.NewReader(out)
	return p
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Error(err)
	}
}

// Line returns the next line that the process prints. The test ends if there is
// none.
func (p *Process) Line() string {
	p.t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("the process has died: %q, %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// Do sends a line to the process, and returns the one that it answers with.
func (p *Process) Do(command string) string {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, command); err != nil {
		p.t.Fatal("the process has died: ", err)
	}
	return p.Line()
}

// End ends the standard input of the process, which must then end without an
// error, and returns what it has printed meanwhile.
func (p *Process) End() (rest string) {
	p.t.Helper()
	p.in.Close()
	ended := make(chan error, 1)
	go func() {
		b, _ := io.ReadAll(p.out)
		rest = string(b)
		ended <- p.wait()
	}()
	if err := wait.For(p.t, "the end of the process", ended); err != nil {
		p.t.Errorf("the process: %v\n%s", err, rest)
	}
	return rest
}
