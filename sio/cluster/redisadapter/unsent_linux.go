package redisadapter

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unsent is how many bytes that were written to a connection its peer has not
// acknowledged yet. It reports false when that is not known.
func unsent(conn net.Conn) (n int, ok bool) {
	if under, is := conn.(interface{ NetConn() net.Conn }); is { // of TLS
		conn = under.NetConn()
	}
	has, is := conn.(syscall.Conn)
	if !is {
		return 0, false
	}
	raw, err := has.SyscallConn()
	if err != nil {
		return 0, false
	}
	if err := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
		return 0, false
	}
	return n, err == nil
}
