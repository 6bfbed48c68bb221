//go:build linux

package sockets_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/cmd/sioserver/sockets"
)

// TestMain is the program that systemd starts, if ACTIVATED_ADDR is set: it
// prints which sockets it has, or the error, and echoes on each once.
func TestMain(m *testing.M) {
	addr, ok := os.LookupEnv("ACTIVATED_ADDR")
	if !ok {
		os.Exit(m.Run())
	}
	list, err := sockets.Activated(addr)
	if err != nil {
		fmt.Println(err)
	}
	for _, l := range list {
		fmt.Println(l.Addr())
		c, err := l.Accept()
		if err != nil {
			fmt.Println(err)
			continue
		}
		_, _ = io.Copy(c, c)
		_ = c.Close()
	}
	os.Exit(0)
}

// activate starts the program as systemd does, and returns what it has printed.
func activate(t *testing.T, addr, names string, listeners ...net.Listener) string {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), "ACTIVATED_ADDR="+addr)
	if len(listeners) > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprint("LISTEN_FDS=", len(listeners)), "LISTEN_FDNAMES="+names)
	}
	for _, l := range listeners {
		f, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// TestActivated: the program has the sockets that are meant for it and accepts
// on them what came before it was there.
func TestActivated(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	unix, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	knock := func(l net.Listener) {
		c, err := net.Dial(l.Addr().Network(), l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	for _, tt := range []struct {
		addr string
		want []net.Listener
	}{
		{"systemd:", []net.Listener{unix, tcp}}, // by their names
		{"systemd:web", []net.Listener{tcp}},
		{"systemd:local", []net.Listener{unix}},
	} {
		want := ""
		for _, l := range tt.want {
			knock(l)
			want += l.Addr().String() + "\n"
		}
		if got := activate(t, tt.addr, "web:local", tcp, unix); got != want {
			t.Errorf("%s: got %q, want %q", tt.addr, got, want)
		}
	}
	if got := activate(t, "systemd:other", "web", tcp); !strings.Contains(got, `"other"; it has ["web"]`) {
		t.Errorf("another name: %q", got)
	}
	if got := activate(t, "systemd:", ""); !strings.Contains(got, "no stream sockets") {
		t.Errorf("without sockets: %q", got)
	}
}
