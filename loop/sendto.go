package loop

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

const sendFlags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL

// Send and Sendv use raw system calls: they never block, so the scheduler need
// not be told of them, which it would answer in a fan-out by taking the
// processor away.

func (r *reactor) Send(fd int, b []byte) (int, error) {
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), sendFlags, 0, 0)
		if e != unix.EINTR {
			return sent(n, e)
		}
	}
}

func (r *reactor) Sendv(fd int, bufs [][]byte) (int, error) {
	r.iovecs = r.iovecs[:0]
	for _, b := range bufs {
		v := unix.Iovec{Base: unsafe.SliceData(b)}
		v.SetLen(len(b))
		r.iovecs = append(r.iovecs, v)
	}
	defer clear(r.iovecs)
	msg := unix.Msghdr{Iov: unsafe.SliceData(r.iovecs)}
	msg.SetIovlen(len(r.iovecs))
	for {
		n, _, e := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), sendFlags)
		if e != unix.EINTR {
			return sent(n, e)
		}
	}
}

func (r *reactor) CloseWrite(fd int) error {
	return os.NewSyscallError("shutdown", unix.Shutdown(fd, unix.SHUT_WR))
}

func (r *reactor) HungUp(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(p, 0)
	return err == nil && n > 0
}

func (r *reactor) Unacknowledged(fd int) time.Duration {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil || info.Unacked == 0 { // a unix socket's peer is on this host
		return 0
	}
	return time.Duration(info.Last_ack_recv) * time.Millisecond
}

// Pause takes the socket out of gnet's epoll instance, which gnet does not notice.
// An interest in no events would not do: the kernel reports a reset all the same,
// and gnet then closes without reading what has come before.
func (r *reactor) Pause(s backend.Socket) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(r.rest.inner, unix.EPOLL_CTL_DEL, s.Fd(), nil))
}

// Resume registers the socket as gnet has done.
func (r *reactor) Resume(s backend.Socket) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLPRI, Fd: int32(s.Fd())}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(r.rest.inner, unix.EPOLL_CTL_ADD, s.Fd(), &event))
}

func sent(n uintptr, e unix.Errno) (int, error) {
	switch e {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.ENOBUFS:
		return 0, nil
	default:
		return 0, os.NewSyscallError("send", e)
	}
}
