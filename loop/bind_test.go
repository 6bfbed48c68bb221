//go:build unix

package loop_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sioserver/sioserver/loop"
)

// listenAt is Listen for an echo.
func listenAt(cfg loop.Config) (*loop.Engine, error) {
	cfg.Logger = slog.New(slog.DiscardHandler)
	return loop.Listen(cfg, func(*loop.Conn) loop.Handler { return echoer{} })
}

// TestListenOnUnixSocket: the file has the permissions that were asked for,
// replaces one that was left behind, and is gone in the end.
func TestListenOnUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	left, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = left.Close() // as a process that was killed leaves it
	e, err := listenAt(loop.Config{Addr: "unix:" + path, SocketMode: 0o620})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != fs.ModeSocket|0o620 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if got := e.Addr().String(); got != path {
		t.Errorf("the address is %q", got)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	wantEchoOf(t, c)
	if _, err := listenAt(loop.Config{Addr: "unix:" + path}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second one at the same path: %v", err)
	}
	wantEchoOf(t, c)
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}

// TestListenOnSeveralAddresses: ports and sockets, each with its own address.
func TestListenOnSeveralAddresses(t *testing.T) {
	e, err := listenAt(loop.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	accept := func(*loop.Conn) loop.Handler { return echoer{} }
	for _, addr := range []string{"127.0.0.1:0", "unix:" + filepath.Join(t.TempDir(), "s")} {
		if err := e.Listen(addr, accept); err != nil {
			t.Fatal(err)
		}
	}
	if len(e.Addrs()) != 3 {
		t.Fatalf("the addresses are %v", e.Addrs())
	}
	for _, addr := range e.Addrs() {
		c, err := net.Dial(addr.Network(), addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		wantEchoOf(t, c)
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for _, addr := range e.Addrs() {
		if c, err := net.Dial(addr.Network(), addr.String()); err == nil {
			c.Close()
			t.Errorf("%v is still open", addr)
		}
	}
	if err := e.Listen("127.0.0.1:0", accept); err != loop.ErrShutdown {
		t.Errorf("Listen after the end: %v", err)
	}
}

// TestBadUnixAddresses: what can't be listened on is left as it is, and the
// error says why.
func TestBadUnixAddresses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"unix:":                                  `a path must follow "unix:"`,
		"unix:" + file:                           "address already in use",
		"unix:" + dir + "/none/s":                "no such file or directory",
		"unix:" + dir + strings.Repeat("/x", 90): "107 bytes",
	} {
		_, err := listenAt(loop.Config{Addr: addr})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), addr) {
			t.Errorf("%s: %v, want %q", addr, err, want)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "x" {
		t.Errorf("the file has %q, %v", b, err)
	}
}
