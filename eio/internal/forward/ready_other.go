//go:build !unix

package forward

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// rawOf is nil: connections are read into buffers that they keep.
func rawOf(net.Conn) syscall.RawConn { return nil }

func readNow(uintptr, []byte) (int, bool, error) { return 0, false, errors.ErrUnsupported }

// silent reports whether conn, which is a connection between two requests, is
// open and has nothing to say.
func silent(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	err := awaitReadable(conn)
	_ = conn.SetReadDeadline(time.Time{})
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// awaitReadable returns when conn, a TCP connection, has something to read, or
// has ended, or its deadline has come.
func awaitReadable(conn net.Conn) error {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	asked := false
	return raw.Read(func(uintptr) bool { // is called again when there is something
		defer func() { asked = true }()
		return asked
	})
}

// maxDescriptor sets no limit: descriptors are not small numbers here.
func maxDescriptor() int { return 1<<31 - 1 }
