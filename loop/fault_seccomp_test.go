//go:build linux && (amd64 || arm64)

package loop_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// supervised are the system calls of which a supervisor may have some fail:
// those that loop, its backends and gnet make for connections.
var supervised = []uintptr{
	unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SHUTDOWN, unix.SYS_EPOLL_CTL, unix.SYS_FCNTL, unix.SYS_DUP3,
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_ACCEPT4, unix.SYS_SETSOCKOPT, unix.SYS_GETPEERNAME,
	unix.SYS_EPOLL_PWAIT, unix.SYS_PPOLL, unix.SYS_GETSOCKOPT,
}

// seccompFilter is a program of the kernel's that has the supervised system
// calls wait for the supervisor, except on the standard streams.
func seccompFilter() []unix.SockFilter {
	const (
		load       = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jumpEqual  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		jumpAbove  = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
		result     = unix.BPF_RET | unix.BPF_K
		number     = 0  // where the call's number is
		descriptor = 16 // where the lower half of the first argument is
	)
	program := []unix.SockFilter{{Code: load, K: number}}
	for i, nr := range supervised {
		program = append(program, unix.SockFilter{Code: jumpEqual, Jt: uint8(len(supervised) - i), K: uint32(nr)})
	}
	return append(program,
		unix.SockFilter{Code: result, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: load, K: descriptor},
		unix.SockFilter{Code: jumpAbove, Jt: 1, K: 2},
		unix.SockFilter{Code: result, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: result, K: unix.SECCOMP_RET_USER_NOTIF},
	)
}

// becomeSupervised has all threads of the process wait for a supervisor, which
// gets its calls from the descriptor that is returned.
func becomeSupervised() (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("prctl: %w", err)
	}
	filter := seccompFilter()
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	fd, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
	if e != 0 {
		return 0, fmt.Errorf("seccomp: %w", e)
	}
	return int(fd), nil
}

// systemCall is the kernel's struct seccomp_notif.
type systemCall struct {
	id      uint64
	pid     uint32
	flags   uint32
	number  int32
	arch    uint32
	pointer uint64
	args    [6]uint64
}

// verdict is the kernel's struct seccomp_notif_resp.
type verdict struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// callRule has system calls fail.
type callRule struct {
	number  uintptr
	matches func(args [6]uint64) bool // nil for any
	errno   syscall.Errno
	left    int // how many times more
}

// supervisor decides about the system calls of another process. It is safe for
// concurrent use.
type supervisor struct {
	fd, stop int
	ended    chan struct{}

	mu     sync.Mutex // guards what follows
	rule   *callRule
	failed int // calls that the present rule has had fail
}

// supervise decides about a child that waits on its descriptor, until the test
// ends.
func supervise(t *testing.T, pid, descriptor int) *supervisor {
	t.Helper()
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(os.NewSyscallError("pidfd_open", err))
	}
	defer unix.Close(process)
	s := &supervisor{ended: make(chan struct{})}
	if s.fd, err = unix.PidfdGetfd(process, descriptor, 0); err != nil {
		t.Fatal(os.NewSyscallError("pidfd_getfd", err))
	}
	if s.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	go s.run()
	t.Cleanup(func() {
		unix.Write(s.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		<-s.ended
		unix.Close(s.stop)
		unix.Close(s.fd)
	})
	return s
}

func (s *supervisor) run() {
	defer close(s.ended)
	for {
		fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}, {Fd: int32(s.stop), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err == unix.EINTR {
			continue
		}
		if fds[1].Revents != 0 || fds[0].Revents&unix.POLLIN == 0 {
			return
		}
		var call systemCall
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(s.fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&call))); e != 0 {
			continue // its thread was interrupted, and calls again
		}
		v := verdict{id: call.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if errno := s.decide(&call); errno != 0 {
			v = verdict{id: call.id, errno: -int32(errno)}
		}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(s.fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&v)))
	}
}

func (s *supervisor) decide(call *systemCall) syscall.Errno {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rule
	if r == nil || r.left == 0 || uintptr(call.number) != r.number || r.matches != nil && !r.matches(call.args) {
		return 0
	}
	r.left--
	s.failed++
	return r.errno
}

// follow sets the rule; nil for none.
func (s *supervisor) follow(r *callRule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rule, s.failed = r, 0
}

// failures is how many calls have failed by the present rule.
func (s *supervisor) failures() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// first matches calls whose first argument is one of fds.
func first(fds ...int) func([6]uint64) bool { return argument(0, fds...) }

func argument(i int, fds ...int) func([6]uint64) bool {
	return func(args [6]uint64) bool { return slices.Contains(fds, int(int32(args[i]))) }
}
