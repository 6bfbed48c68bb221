package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// startOps is start for a program with an address for operators.
func startOps(t *testing.T, args ...string) (ops, url string, signals chan os.Signal, ended chan int) {
	t.Helper()
	out, in := io.Pipe()
	signals, ended = make(chan os.Signal, 2), make(chan int, 1)
	go func() {
		code := run(append([]string{"-addr", "127.0.0.1:0", "-ops-addr", "127.0.0.1:0"}, args...), in, io.Discard, signals)
		in.Close()
		ended <- code
	}()
	lines := bufio.NewReader(out)
	for _, want := range []struct {
		prefix string
		value  *string
	}{{"sioserver serves operators on ", &ops}, {"sioserver listens on ", &url}} {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		var ok bool
		if *want.value, ok = strings.CutPrefix(strings.TrimSpace(line), want.prefix); !ok {
			t.Fatalf("says %q, want %s…", line, want.prefix)
		}
	}
	return ops, url, signals, ended
}

// TestReadyUntilASignal: from the first signal on /readyz fails and clients are
// refused, until the notice is over, here by a second signal.
func TestReadyUntilASignal(t *testing.T) {
	ops, url, signals, ended := startOps(t, "-health", "-drain-notice", "1h")
	for _, at := range []string{ops, url} {
		if status, body := get(t, at+"readyz"); status != 200 || body != "ready\n" {
			t.Errorf("%sreadyz: status %d, %s", at, status, body)
		}
	}
	if status, _ := get(t, url); status != 200 {
		t.Errorf("the demo beside -health: status %d", status)
	}
	if _, body := get(t, ops+"metrics"); !strings.Contains(body, "\nsioserver_") || !strings.Contains(body, `event="say"`) {
		t.Errorf("/metrics lacks the server or its handlers:\n%s", body)
	}
	signals <- syscall.SIGTERM
	wait.Until(t, "the program is not ready", func() bool {
		status, _ := get(t, ops+"readyz")
		return status == 503
	})
	if status, body := get(t, url+"readyz"); status != 503 || body != "draining\n" {
		t.Errorf("while it drains: status %d, %s", status, body)
	}
	if status, _ := get(t, url+"healthz"); status != 200 {
		t.Errorf("/healthz while it drains: status %d", status)
	}
	if status, _ := get(t, url+"socket.io/?EIO=4&transport=polling"); status != 503 {
		t.Errorf("a handshake while it drains: status %d", status)
	}
	signals <- os.Interrupt
	if code := end(t, ended); code != exitError && code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

func TestOpsAddressIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var stdout, stderr bytes.Buffer
	code := run([]string{"-addr", "127.0.0.1:0", "-ops-addr", taken.Addr().String()}, &stdout, &stderr, nil)
	want := "sioserver: another program listens on " + taken.Addr().String() + " already; choose another address with -ops-addr\n"
	if code != exitUsage || stderr.String() != want {
		t.Errorf("exit code %d, says %q", code, &stderr)
	}
}

func TestCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sioserver.toml")
	if err := os.WriteFile(file, []byte("redis = \"redis://:secret@127.0.0.1:1\"\nmax-sessions = 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string // of the output, or of the complaint
	}{
		{"nothing", nil, exitDone, "# The settings of the flags are valid"},
		{"a file", []string{"-config", file}, exitDone, "max-sessions = 7\n"},
		{"a flag beside it", []string{"-config", file, "-max-sessions", "8"}, exitDone, "max-sessions = 8\n"},
		{"what the server refuses", []string{"-config", file, "-max-sessions", "-8"}, exitUsage, "sioserver: flag -max-sessions is -8; it must be positive"},
		{"what flags refuse", []string{"-loops", "-8"}, exitUsage, `sioserver: invalid value "-8" for flag -loops`},
		{"no Redis", []string{"-redis", "http://x"}, exitUsage, "sioserver: invalid value for flag -redis"},
		{"an argument", []string{"now"}, exitUsage, `sioserver: unexpected argument "now"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(append([]string{"check"}, c.args...), &stdout, &stderr, nil); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			out, silent := &stdout, &stderr
			if c.code != exitDone {
				out, silent = &stderr, &stdout
			}
			if !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), "secret") || silent.Len() > 0 {
				t.Errorf("says %q and %q, want %q", &stdout, &stderr, c.want)
			}
		})
	}
}

// TestMetricsOfACluster: the adapter and the list of nodes have figures of the
// same names.
func TestMetricsOfACluster(t *testing.T) {
	ops, _, signals, ended := startOps(t, "-no-demo", "-no-client", "-redis", "redis://127.0.0.1:1", "-advertise", "127.0.0.1:2")
	if _, body := get(t, ops+"metrics"); !strings.Contains(body, `sioserver_adapter_connected{adapter="directory"} 0`) || !strings.Contains(body, `adapter="redis"`) {
		t.Errorf("/metrics lacks the cluster:\n%s", body)
	}
	signals <- os.Interrupt
	end(t, ended)
}
