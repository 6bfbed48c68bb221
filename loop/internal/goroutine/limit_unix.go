//go:build unix

package goroutine

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// fdReserve is the number of descriptors, or an eighth of all if that is less,
// that are kept free for the rest of the process.
const fdReserve = 4096

// maxDescriptor is the highest descriptor that a connection may have.
func maxDescriptor() int {
	var rl unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &rl); err != nil || uint64(rl.Cur) > 1<<30 {
		return 1 << 30
	}
	return int(rl.Cur) - 1 - min(fdReserve, int(rl.Cur)/8)
}

// descriptor returns nc's descriptor, or -1.
func descriptor(nc net.Conn) int {
	n := -1
	if sc, ok := nc.(syscall.Conn); ok {
		if rc, err := sc.SyscallConn(); err == nil {
			_ = rc.Control(func(fd uintptr) { n = int(fd) })
		}
	}
	return n
}
