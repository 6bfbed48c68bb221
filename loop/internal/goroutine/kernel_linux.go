package goroutine

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// hungUp reports whether the kernel has the end of the peer's stream.
func hungUp(nc net.Conn) (hungUp bool) {
	control(nc, func(fd int) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}, 0)
		hungUp = err == nil && n > 0
	})
	return hungUp
}

// unacknowledged is backend.Wire's Unacknowledged.
func unacknowledged(nc net.Conn) (d time.Duration) {
	control(nc, func(fd int) {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil && info.Unacked > 0 { // err: a unix socket, a local peer
			d = time.Duration(info.Last_ack_recv) * time.Millisecond
		}
	})
	return d
}

func control(nc net.Conn, f func(fd int)) {
	if sc, ok := nc.(syscall.Conn); ok {
		if rc, err := sc.SyscallConn(); err == nil {
			_ = rc.Control(func(fd uintptr) { f(int(fd)) })
		}
	}
}
