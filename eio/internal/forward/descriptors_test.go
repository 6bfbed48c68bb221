//go:build unix

package forward

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// silentNode is the address of a listener that takes no further connections: to
// connect to it lasts for ever.
func silentNode(t *testing.T) string {
	t.Helper()
	l := listen(t)
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		c, err := net.DialTimeout("tcp", l.Addr().String(), 100*time.Millisecond)
		if err != nil {
			return l.Addr().String()
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the listener's queue has no end")
	return ""
}

// TestFewDescriptors has a node that does not answer, and few descriptors: none
// of them may be held while connecting to it.
func TestFewDescriptors(t *testing.T) {
	addr := silentNode(t)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 160, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	for next := 0; next <= maxDescriptor(); {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		next = int(f.Fd())
	}
	c := New(config())
	defer c.Close()
	if _, err := c.Do(t.Context(), addr, "GET", []byte(get), patience); !errors.Is(err, ErrDescriptors) {
		t.Errorf("a request: %v", err)
	}
	if _, err := c.Open(t.Context(), addr, []byte(get)); !errors.Is(err, ErrDescriptors) {
		t.Errorf("a tunnel: %v", err)
	}
	if len(c.nodes) != 0 {
		t.Error("the node is not forgotten")
	}
}
