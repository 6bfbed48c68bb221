package looptest

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// Vanish makes the host of TCP connections disappear for their peers, without
// FIN or RST: the kernel drops what comes, and so acknowledges nothing.
func Vanish(tb testing.TB, conns ...net.Conn) {
	tb.Helper()
	for _, conn := range conns {
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			tb.Fatal(err)
		}
		drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
		var failure error
		if err := raw.Control(func(fd uintptr) {
			failure = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop})
		}); err != nil || failure != nil {
			tb.Fatal(err, failure)
		}
	}
}
