//go:build linux

package gnetpoll

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

const sendFlags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL

// Send and Sendv use raw system calls, which the scheduler does not see. They
// never block, and in a fan-out the scheduler would take the processor away.

// Send implements backend.Wire, as the following methods do.
func (p *poller) Send(fd int, b []byte) (int, error) {
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), sendFlags, 0, 0)
		if e != unix.EINTR {
			return sent(n, e)
		}
	}
}

func (p *poller) Sendv(fd int, bufs [][]byte) (int, error) {
	p.iovecs = p.iovecs[:0]
	for _, b := range bufs {
		v := unix.Iovec{Base: unsafe.SliceData(b)}
		v.SetLen(len(b))
		p.iovecs = append(p.iovecs, v)
	}
	defer clear(p.iovecs)
	msg := unix.Msghdr{Iov: unsafe.SliceData(p.iovecs)}
	msg.SetIovlen(len(p.iovecs))
	for {
		n, _, e := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), sendFlags)
		if e != unix.EINTR {
			return sent(n, e)
		}
	}
}

func (p *poller) CloseWrite(fd int) error {
	return os.NewSyscallError("shutdown", unix.Shutdown(fd, unix.SHUT_WR))
}

func (p *poller) HungUp(fd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}, 0)
	return err == nil && n > 0
}

func (p *poller) Unacknowledged(fd int) time.Duration {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil || info.Unacked == 0 { // a unix socket's peer is on this host
		return 0
	}
	return time.Duration(info.Last_ack_recv) * time.Millisecond
}

// Pause takes the socket out of gnet's epoll instance, which gnet does not
// notice. Registering it for no events is not enough: the kernel still reports
// a reset, and gnet then closes without reading what arrived before.
func (p *poller) Pause(s backend.Socket) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.parker.inner, unix.EPOLL_CTL_DEL, s.Fd(), nil))
}

// Resume registers the socket as gnet did.
func (p *poller) Resume(s backend.Socket) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLPRI, Fd: int32(s.Fd())}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.parker.inner, unix.EPOLL_CTL_ADD, s.Fd(), &event))
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

// Watch has the watcher give the notice.
func (p *poller) Watch(fd int, id uint32, again bool) error {
	return p.e.watcher.watch(fd, p.index, id, again)
}

// Unwatch implements backend.Wire.
func (p *poller) Unwatch(fd int) { p.e.watcher.unwatch(fd) }
