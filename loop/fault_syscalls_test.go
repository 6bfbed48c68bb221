//go:build linux && (amd64 || arm64)

package loop_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/child"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

const supervisedEnv = "LOOP_TEST_SUPERVISED_SERVER"

func init() { servers[supervisedEnv] = supervisedServer }

// childTB is the testing.TB of a faultServer in a process of its own: what it
// reports goes to standard error, and the process ends with it.
type childTB struct{ testing.TB }

func (childTB) Helper() {}

func (childTB) Errorf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (childTB) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}

func (childTB) Fatalf(format string, args ...any) { childTB{}.Fatal(fmt.Sprintf(format, args...)) }

// supervisedServer is a faultServer that waits for a supervisor. It answers
// each line of its standard input by one.
func supervisedServer() {
	s := startFaulty(childTB{})
	fmt.Println(s.Addr())
	fd, err := becomeSupervised()
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	fmt.Println(fd)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		command, peer, _ := strings.Cut(in.Text(), " ")
		switch command {
		case "descriptors": // of the peer's connections
			fmt.Println(numbers(func(fd int) bool {
				sa, err := unix.Getpeername(fd)
				in, ok := sa.(*unix.SockaddrInet4)
				return err == nil && ok && strings.HasSuffix(peer, ":"+strconv.Itoa(in.Port))
			}))
		case "listeners":
			fmt.Println(numbers(func(fd int) bool {
				on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
				return err == nil && on == 1
			}))
		case "pollers": // gnet's
			fmt.Println(numbers(func(fd int) bool {
				info, _ := os.ReadFile(fmt.Sprint("/proc/self/fdinfo/", fd))
				for _, entry := range strings.Split(string(info), "tfd:")[1:] {
					var listener int
					fmt.Sscan(entry, &listener)
					if on, err := unix.GetsockoptInt(listener, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && on == 1 {
						return loop.Polled
					}
				}
				return false
			}))
		case "end": // of the peer's connection
			errs := s.ended(peer)
			if len(errs) == 0 {
				fmt.Println("none")
				continue
			}
			text, _, _ := strings.Cut(fmt.Sprint(errs[0]), "\n")
			fmt.Println(text)
		case "counts":
			fmt.Println(descriptors(), runtime.NumGoroutine(), s.Stats().AcceptFailures)
		}
	}
	s.finish()
	fmt.Println("finished")
}

// numbers are the descriptors that are open and of a kind.
func numbers(of func(fd int) bool) string {
	var list []string
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && of(fd) {
			list = append(list, e.Name())
		}
	}
	return strings.Join(list, " ")
}

// supervisedProcess is the process of supervisedServer.
type supervisedProcess struct {
	*child.Process
	t    *testing.T
	sup  *supervisor
	addr string
}

func startSupervised(t *testing.T) *supervisedProcess {
	t.Helper()
	// A signal would have a call begin again that waits for the supervisor.
	c := &supervisedProcess{Process: child.Start(t, []string{supervisedEnv + "=1", "GODEBUG=asyncpreemptoff=1"}), t: t}
	c.addr = c.Line()
	number := c.Line()
	fd, err := strconv.Atoi(number)
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal("system calls can't be supervised: ", number)
	default:
		t.Skip("system calls can't be supervised: ", number)
	}
	c.sup = supervise(t, c.PID(), fd)
	return c
}

func (c *supervisedProcess) descriptors(command string) (fds []int) {
	c.t.Helper()
	for f := range strings.FieldsSeq(c.Do(command)) {
		fd, err := strconv.Atoi(f)
		if err != nil {
			c.t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	return fds
}

func (c *supervisedProcess) dial() *faultClient {
	c.t.Helper()
	nc, err := net.Dial("tcp", c.addr)
	if err != nil {
		c.t.Fatal("the server does not listen: ", err)
	}
	c.t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(wait.Patience))
	return &faultClient{nc.(*net.TCPConn), nc.LocalAddr().String()}
}

// outcome is what becomes of a connection whose system call has failed.
type outcome uint8

const (
	itGoesOn outcome = iota
	itEnds           // with the error
	itEndsQuietly
	itIsLost // on its way to another loop
)

// epollOp matches epoll_ctl with an operation, of any descriptor or of some.
func epollOp(op uint64) func(fds []int) func([6]uint64) bool {
	return func(fds []int) func([6]uint64) bool {
		of := argument(2, fds...)
		return func(args [6]uint64) bool { return args[1] == op && of(args) }
	}
}

func ofFirst(fds []int) func([6]uint64) bool { return first(fds...) }

// entering matches the registration of a connection with one of gnet's pollers.
func entering(pollers []int) func([6]uint64) bool {
	of := first(pollers...)
	return func(args [6]uint64) bool { return args[1] == unix.EPOLL_CTL_ADD && of(args) }
}

// laterDup matches the duplications by which a connection that has left its
// loop enters another one.
func laterDup(fds []int) func([6]uint64) bool {
	own := first(fds...)
	return func(args [6]uint64) bool { return args[1] == unix.F_DUPFD_CLOEXEC && !own(args) }
}

func anyCall([]int) func([6]uint64) bool { return nil }

// callCase has a system call fail while a command is carried out.
type callCase struct {
	name    string
	number  uintptr
	matches func(fds []int) func([6]uint64) bool // nil for entering
	do      byte
	errnos  []syscall.Errno
	times   int
	want    outcome
}

var (
	fatalErrors  = []syscall.Errno{unix.ECONNRESET, unix.EPIPE, unix.ENOMEM, unix.EINVAL, unix.EBADF, unix.ETIMEDOUT, unix.EHOSTUNREACH}
	passing      = []syscall.Errno{unix.EAGAIN, unix.EINTR}
	deniedErrors = []syscall.Errno{unix.ENOMEM, unix.EINVAL, unix.ENOSPC, unix.EPERM, unix.EBADF}
	scarceErrors = []syscall.Errno{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOBUFS}
)

// polledCases are those of loops over gnet.
var polledCases = []callCase{
	{"send", unix.SYS_SENDTO, ofFirst, doEcho, fatalErrors, 1, itEnds},
	{"send", unix.SYS_SENDTO, ofFirst, doEcho, append(passing, unix.ENOBUFS), 3, itGoesOn},
	{"sendmsg", unix.SYS_SENDMSG, ofFirst, doPieces, fatalErrors, 1, itEnds},
	{"sendmsg", unix.SYS_SENDMSG, ofFirst, doPieces, append(passing, unix.ENOBUFS), 3, itGoesOn},
	{"shutdown", unix.SYS_SHUTDOWN, ofFirst, doEnd, fatalErrors, 1, itEndsQuietly},
	{"read", unix.SYS_READ, ofFirst, doEcho, fatalErrors, 1, itEnds},
	{"read", unix.SYS_READ, ofFirst, doEcho, []syscall.Errno{unix.EAGAIN}, 3, itGoesOn},
	{"pause", unix.SYS_EPOLL_CTL, epollOp(unix.EPOLL_CTL_DEL), doPause, deniedErrors, 1, itEnds},
	{"resume", unix.SYS_EPOLL_CTL, epollOp(unix.EPOLL_CTL_ADD), doPause, deniedErrors, 1, itEnds},
	{"watch", unix.SYS_EPOLL_CTL, epollOp(unix.EPOLL_CTL_ADD), doFlood, deniedErrors, 1, itEnds},
	{"detach", unix.SYS_FCNTL, ofFirst, doMove, []syscall.Errno{unix.EINVAL, unix.EBADF}, 1, itIsLost},
	{"detach", unix.SYS_FCNTL, ofFirst, doMove, []syscall.Errno{unix.EMFILE, unix.ENOMEM}, 1, itGoesOn}, // by the reserve
	{"attach", unix.SYS_EPOLL_CTL, nil, doMove, []syscall.Errno{unix.ENOMEM, unix.ENOSPC}, 2, itGoesOn},
	{"attach", unix.SYS_FCNTL, laterDup, doMove, scarceErrors, 2, itGoesOn},
	{"attach", unix.SYS_FCNTL, laterDup, doMove, []syscall.Errno{unix.EBADF}, 1, itIsLost},
	{"wait", unix.SYS_EPOLL_PWAIT, anyCall, doEcho, []syscall.Errno{unix.EINTR}, 20, itGoesOn},
}

// streamedCases are those of loops whose connections goroutines drive.
var streamedCases = []callCase{
	{"write", unix.SYS_WRITE, ofFirst, doEcho, fatalErrors, 1, itEnds},
	{"write", unix.SYS_WRITE, ofFirst, doPieces, []syscall.Errno{unix.EINTR}, 3, itGoesOn},
	{"shutdown", unix.SYS_SHUTDOWN, ofFirst, doEnd, fatalErrors, 1, itEndsQuietly},
	{"read", unix.SYS_READ, ofFirst, doEcho, fatalErrors, 1, itEnds},
	{"read", unix.SYS_READ, ofFirst, doEcho, []syscall.Errno{unix.EINTR}, 3, itGoesOn},
}

// TestSystemCallsThatFail has the kernel refuse the system calls that are made
// for a connection. The connection goes on where the error passes; where it
// does not, it ends with it. Those beside it go on, and nothing is left of it.
func TestSystemCallsThatFail(t *testing.T) {
	c := startSupervised(t)
	others := []*faultClient{c.dial(), c.dial(), c.dial(), c.dial()}
	beside := func(when string) {
		t.Helper()
		for i, o := range others {
			if err := o.ask(doEcho); err != nil {
				t.Fatalf("%s: connection %d beside it: %v", when, i, err)
			}
		}
	}
	beside("at first")
	pollers := c.descriptors("pollers")
	cases := streamedCases
	if loop.Polled {
		cases = polledCases
	}
	var fds, goroutines int
	for round, cc := range append(cases[:1:1], cases...) { // the first is for pools to fill
		for _, errno := range cc.errnos {
			name := fmt.Sprintf("%s of %c fails with %v", cc.name, cc.do, unix.ErrnoName(errno))
			victim := c.dial()
			if err := victim.ask(doEcho); err != nil {
				t.Fatalf("%s: before it: %v", name, err)
			}
			own := c.descriptors("descriptors " + victim.peer)
			if len(own) == 0 {
				t.Fatalf("%s: no descriptor", name)
			}
			matches := entering(pollers)
			if cc.matches != nil {
				matches = cc.matches(own)
			}
			c.sup.follow(&callRule{cc.number, matches, errno, cc.times})
			err := victim.ask(cc.do)
			wait.Until(t, name+": it fails", func() bool { return c.sup.failures() > 0 })
			c.sup.follow(nil)
			c.outcome(name, &cc, errno, victim, err)
			beside(name)
		}
		if round == 0 {
			fds, goroutines = c.census()
		}
	}
	// gnet's pool of goroutines may have grown.
	if f, g := c.census(); f > fds || g > goroutines+5 {
		t.Errorf("%d descriptors and %d goroutines at first, %d and %d in the end", fds, goroutines, f, g)
	}
	for _, o := range others {
		if err := o.ask(doMove); err != nil {
			t.Error("in the end: ", err)
		}
		o.Close()
	}
	if got := c.End(); got != "finished\n" {
		t.Error(got)
	}
}

// outcome looks for what was to become of the victim, whose last command
// returned err.
func (c *supervisedProcess) outcome(name string, cc *callCase, errno syscall.Errno, victim *faultClient, err error) {
	c.t.Helper()
	defer victim.Close()
	if cc.want == itGoesOn {
		if err == nil {
			err = victim.ask(doPieces)
		}
		if err != nil {
			c.t.Errorf("%s: the client sees %v", name, err)
		}
		return
	}
	if err == nil { // the answer was sent before
		_, err = io.ReadFull(victim, make([]byte, 1))
	}
	if timeout, ok := err.(net.Error); err == nil || err == errWrongBytes || ok && timeout.Timeout() {
		c.t.Errorf("%s: the client sees %v", name, err)
	}
	var end string
	wait.Until(c.t, name+": the end", func() bool {
		end = c.Do("end " + victim.peer)
		return end != "none"
	})
	want := errno.Error()
	switch {
	case cc.want == itEndsQuietly:
		want = "<nil>"
	case cc.want == itIsLost && !strings.Contains(end, loop.ErrLostMove.Error()):
		c.t.Errorf("%s: closed with %s", name, end)
	}
	if !strings.Contains(end, want) {
		c.t.Errorf("%s: closed with %s", name, end)
	}
}

// census returns how many descriptors and goroutines the server has when their
// number no longer falls.
func (c *supervisedProcess) census() (fds, goroutines int) {
	c.t.Helper()
	same := 0
	wait.Until(c.t, "a steady number of descriptors", func() bool {
		f, g, _ := c.counts()
		if f != fds || g != goroutines {
			fds, goroutines, same = f, g, 0
		}
		same++
		return same > 200
	})
	return fds, goroutines
}

// counts returns the numbers of descriptors, goroutines, and failures of
// accept.
func (c *supervisedProcess) counts() (fds, goroutines, failures int) {
	c.t.Helper()
	if _, err := fmt.Sscan(c.Do("counts"), &fds, &goroutines, &failures); err != nil {
		c.t.Fatal(err)
	}
	return fds, goroutines, failures
}

// TestAcceptsThatFail has the kernel refuse to accept. The connection waits,
// and is accepted later; those that are there are served.
func TestAcceptsThatFail(t *testing.T) {
	c := startSupervised(t)
	old := c.dial()
	if err := old.ask(doEcho); err != nil {
		t.Fatal(err)
	}
	listeners := c.descriptors("listeners")
	errnos := append([]syscall.Errno{
		unix.EPERM, unix.EINVAL, unix.EPROTO, unix.ENETDOWN, unix.EIO, unix.EINTR, unix.ECONNABORTED,
	}, scarceErrors...)
	if loop.Polled { // the runtime's poller would not report the connection again
		errnos = append(errnos, unix.EAGAIN)
	}
	for _, errno := range errnos {
		name := "accept fails with " + unix.ErrnoName(errno)
		_, _, before := c.counts()
		c.sup.follow(&callRule{unix.SYS_ACCEPT4, first(listeners...), errno, 3})
		comer := c.dial()
		if err := comer.ask(doEcho); err != nil {
			t.Errorf("%s: the comer sees %v", name, err)
		}
		if err := old.ask(doEcho); err != nil {
			t.Fatalf("%s: a connection that was there: %v", name, err)
		}
		if n := c.sup.failures(); n != 3 {
			t.Errorf("%s: %d calls have failed, want 3", name, n)
		}
		_, _, after := c.counts()
		counts := errno != unix.EINTR && errno != unix.ECONNABORTED && errno != unix.EAGAIN
		if counts && after-before != 3 || !counts && after != before {
			t.Errorf("%s: Stats has %d failures more", name, after-before)
		}
		c.sup.follow(nil)
		comer.Close()
	}
	old.Close()
	if got := c.End(); got != "finished\n" {
		t.Error(got)
	}
}

// TestAcceptedButNotRegistered has the kernel refuse to watch an accepted
// connection: it is closed, and later ones are served.
func TestAcceptedButNotRegistered(t *testing.T) {
	c := startSupervised(t)
	old := c.dial()
	if err := old.ask(doEcho); err != nil {
		t.Fatal(err)
	}
	pollers := c.descriptors("pollers")
	if len(pollers) == 0 {
		t.Skip("no poller holds the connections")
	}
	for _, errno := range deniedErrors {
		name := "epoll_ctl fails with " + unix.ErrnoName(errno)
		c.sup.follow(&callRule{unix.SYS_EPOLL_CTL, entering(pollers), errno, 1})
		comer := c.dial()
		if err := comer.ask(doEcho); err == nil {
			t.Errorf("%s: the comer is served", name)
		} else if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Errorf("%s: the comer is neither served nor closed", name)
		}
		c.sup.follow(nil)
		if err := old.ask(doEcho); err != nil {
			t.Fatalf("%s: a connection that was there: %v", name, err)
		}
		for range 4 {
			later := c.dial()
			if err := later.ask(doEcho); err != nil {
				t.Fatalf("%s: a later connection: %v", name, err)
			}
			later.Close()
		}
	}
	old.Close()
	if got := c.End(); got != "finished\n" {
		t.Error(got)
	}
}
