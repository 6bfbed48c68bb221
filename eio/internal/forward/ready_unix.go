//go:build unix

package forward

import (
	"net"
	"syscall"
)

// rawOf returns conn's descriptor; nil when conn is not a plain one, such as
// TLS.
func rawOf(conn net.Conn) syscall.RawConn {
	if c, ok := conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// peek looks for arrived bytes without taking them. again reports that nothing
// has arrived.
func peek(fd uintptr) (again bool) {
	for {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err != syscall.EINTR {
			return err == syscall.EAGAIN
		}
	}
}

// silent reports whether conn, an idle connection, is open and has sent
// nothing.
func silent(conn net.Conn) bool {
	quiet := false
	err := rawOf(conn).Control(func(fd uintptr) { quiet = peek(fd) })
	return err == nil && quiet
}

// awaitReadable returns when conn, a TCP connection, has something to read, has
// ended, or its deadline has passed.
func awaitReadable(conn net.Conn) error {
	return rawOf(conn).Read(func(fd uintptr) bool { return !peek(fd) })
}

// readNow reads without blocking. again reports that nothing has arrived.
func readNow(fd uintptr, b []byte) (n int, again bool, err error) {
	for {
		n, err = syscall.Read(int(fd), b)
		if err != syscall.EINTR {
			return n, err == syscall.EAGAIN, err
		}
	}
}

// maxDescriptor returns the highest descriptor that a connection to a node may
// have: descriptors must be left for accepting clients (see package loop,
// "Descriptors").
func maxDescriptor() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) > 1<<30 {
		return 1 << 30
	}
	n := int(limit.Cur)
	return n - min(2048, n/16)
}
