//go:build linux

package peer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sioserver/sioserver/bench/measure"
)

const (
	stopTimeout = 5 * time.Second
	keptStderr  = 4 << 10
	keptLines   = 1024 // lines that were not read yet
)

// Process is a running server.
type Process struct {
	Peer *Peer
	Addr netip.AddrPort // where clients reach it, on the loopback interface

	asking  sync.Mutex // held while a question is not answered
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	lines   chan string
	stderr  *tail
	exited  chan struct{}
	waitErr error // valid once exited is closed
}

// startAttempts is how many ports are tried for one process.
const startAttempts = 5

// start runs one process of the server on the given cores, with further
// environment variables, and waits until it accepts connections. GOMAXPROCS is
// set to the number of cores. A port that another process takes before the
// server listens on it is replaced by another one.
func (p *Peer) start(cores []int, env ...string) (proc *Process, err error) {
	for range startAttempts {
		var port uint16
		if port, err = freePort(); err != nil {
			return nil, err
		}
		if proc, err = p.startAt(port, cores, env); !errors.Is(err, errPortTaken) {
			return proc, err
		}
	}
	return nil, fmt.Errorf("%w, as were %d others before it", err, startAttempts-1)
}

// startAt starts the process for one port. The error is errPortTaken if another
// process listens there.
func (p *Peer) startAt(port uint16, cores []int, env []string) (*Process, error) {
	args := p.expandAll(p.Command[1:])
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, "{port}", fmt.Sprint(port))
	}
	cmd := exec.Command(p.expand(p.Command[0]), args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), fmt.Sprintf("PORT=%d", port), fmt.Sprintf("GOMAXPROCS=%d", len(cores)))
	cmd.Env = append(cmd.Env, env...)
	for name, value := range p.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	proc, err := p.launch(cmd, cores)
	if err != nil {
		return nil, err
	}
	proc.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
	if err := proc.awaitReady(); err != nil {
		proc.Stop()
		return nil, err
	}
	return proc, nil
}

// launch starts a command on the cores.
func (p *Peer) launch(cmd *exec.Cmd, cores []int) (proc *Process, err error) {
	// An interrupt at the terminal is for the harness, which then stops its
	// servers itself; if it dies, so do they.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	proc = &Process{Peer: p, cmd: cmd, stderr: &tail{}, lines: make(chan string, keptLines), exited: make(chan struct{})}
	cmd.Stderr = proc.stderr
	if proc.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := startOn(cmd, cores); err != nil {
		return nil, err
	}
	go func() {
		scanner := bufio.NewScanner(stdout)
		for scanner.Scan() {
			select {
			case proc.lines <- scanner.Text():
			default: // no question waits
			}
		}
		proc.waitErr = cmd.Wait()
		close(proc.exited)
	}()
	return proc, nil
}

// startOn starts the command from a thread that is pinned to the cores, so that
// the new process is too.
func startOn(cmd *exec.Cmd, cores []int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	undo, err := measure.PinThread(cores)
	if err != nil {
		return err
	}
	defer undo()
	return cmd.Start()
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended returns nil while the server runs, and then an error that says how it
// ended and what it wrote last.
func (p *Process) Ended() error {
	select {
	case <-p.exited:
	default:
		return nil
	}
	how := "exit status 0"
	if p.waitErr != nil {
		how = p.waitErr.Error()
	}
	err := fmt.Errorf("the server %s (pid %d) ended by itself: %s", p.Peer.Name, p.PID(), how)
	if last := p.stderr.errorLine(); last != "" {
		err = fmt.Errorf("%w: %s", err, last)
	}
	return err
}

// Exited is closed when the server has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Stop ends the server: it sends SIGTERM first, and kills the process if that
// does not help.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// Wrote counts the lines with the words among those that the process has
// written to its standard output since the last call or question. Of lines that
// are not read, the first keptLines are kept.
func (p *Process) Wrote(words string) (count int) {
	for len(p.lines) > 0 {
		if strings.Contains(<-p.lines, words) {
			count++
		}
	}
	return count
}

// tail keeps the end of what is written to it. It is safe for concurrent use.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if extra := len(t.buf) - keptStderr; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(b), nil
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]byte(nil), t.buf...)
}

// errorLine is the most useful line: the one that names an error, or the last.
func (t *tail) errorLine() string {
	b := t.bytes()
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") || strings.Contains(line, "Error:") {
			return line
		}
	}
	return lastLine(b)
}
