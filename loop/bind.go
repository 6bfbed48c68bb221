package loop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/sioserver/sioserver/loop/internal/goroutine"
)

// unixPrefix begins the addresses of unix sockets.
const unixPrefix = "unix:"

// Bind listens on an address in the form of Config.Addr, for Engine.Serve. mode
// is Config.SocketMode.
func Bind(addr string, mode fs.FileMode) (net.Listener, error) {
	ln, err := bind(addr, mode)
	if err != nil {
		return nil, fmt.Errorf("loop: listen on %q: %w", addr, err)
	}
	return ln, nil
}

func bind(addr string, mode fs.FileMode) (net.Listener, error) {
	path, ok := strings.CutPrefix(addr, unixPrefix)
	if !ok {
		return goroutine.Listen(addr)
	}
	if path == "" {
		return nil, errors.New(`a path must follow "unix:"`)
	}
	return bindUnix(path, mode)
}

// bindUnix listens on a unix socket. It removes one that an earlier process has
// left behind.
func bindUnix(path string, mode fs.FileMode) (net.Listener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		if mode == 0 {
			return nil
		}
		return c.Control(func(fd uintptr) { restrict(fd, mode) })
	}}
	ln, err := lc.Listen(context.Background(), "unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && abandoned(path) {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
		ln, err = lc.Listen(context.Background(), "unix", path)
	}
	switch {
	case errors.Is(err, syscall.EINVAL):
		return nil, fmt.Errorf("%w (a path of more than 107 bytes is too long)", err)
	case err != nil:
		return nil, err
	case mode == 0 || path[0] == '@':
		return ln, nil
	}
	if err := os.Chmod(path, mode); err != nil { // beyond the umask, which restrict is subject to
		_ = ln.Close()
		return nil, err
	}
	return ln, nil
}

// abandoned reports whether path is a socket on which no process listens.
func abandoned(path string) bool {
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSocket == 0 {
		return false
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
