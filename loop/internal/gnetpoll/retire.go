//go:build linux

package gnetpoll

import (
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// localAddr returns the address that socket fd is bound to.
func localAddr(fd int) (netip.AddrPort, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, os.NewSyscallError("getsockname", err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)), nil
	}
	return netip.AddrPort{}, fmt.Errorf("loop: unexpected socket address %T", sa)
}

// findListeners returns the n descriptors up to highest that listen on addr.
// gnet does not report them.
func findListeners(addr netip.AddrPort, n, highest int) []int {
	var found []int
	for _, fd := range descriptors(highest) {
		if len(found) == n {
			break
		}
		if v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || v == 0 {
			continue
		}
		if a, err := localAddr(fd); err == nil && a == addr {
			found = append(found, fd)
		}
	}
	return found
}

// retire closes listening sockets that gnet goes on owning, by putting another
// socket in their place: one that listens too, so that gnet's accept finds
// nothing rather than an error, but that has no address to connect to.
func retire(listeners []listener) error {
	if len(listeners) == 0 {
		return nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		return os.NewSyscallError("listen", err)
	}
	for _, ln := range listeners {
		if err := unix.Dup3(fd, ln.fd, unix.O_CLOEXEC); err != nil {
			return os.NewSyscallError("dup3", err)
		}
	}
	return nil
}
