package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDemoInBrowser builds sioserver as a person would, starts it and lets
// Chromium use the demo page. The screenshots stay where the log says.
func TestDemoInBrowser(t *testing.T) {
	need(t, []string{"node", "chromium"}, "node_modules/playwright-core", "../../cmd/sioserver/client/socket.io.js")
	program := filepath.Join(t.TempDir(), "sioserver")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/sioserver").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	server := startProgram(t, program, "127.0.0.1:0")
	defer func() { server.stop(t) }()
	shots, err := os.MkdirTemp("", "sioserver-demo-")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	browser := exec.CommandContext(ctx, "node", "browser.mjs", chromium, server.url, shots)
	var complaints strings.Builder
	browser.Stderr = &complaints
	out, err := browser.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := browser.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for d := json.NewDecoder(out); ; steps++ {
		var done struct{ Step string }
		if err := d.Decode(&done); err != nil {
			break
		}
		switch done.Step {
		case "stop":
			server.stop(t)
		case "start":
			server = startProgram(t, program, server.addr())
		default:
			t.Logf("%s: yes", done.Step)
			continue
		}
		if _, err := in.Write([]byte("done\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := browser.Wait(); err != nil {
		t.Fatalf("after %d steps: %v\n%s", steps, err, complaints.String())
	}
	t.Logf("screenshots are in %s", shots)
}

// server is a running sioserver.
type server struct {
	process    *exec.Cmd
	url        string
	complaints strings.Builder // complete when it has stopped
}

// startProgram starts the server and reads the address that it prints.
func startProgram(t *testing.T, program, addr string) *server {
	t.Helper()
	s := &server{process: exec.Command(program, "-addr", addr, "-log-level", "warn")}
	s.process.Stderr = &s.complaints
	out, err := s.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.stop(t)
		t.Fatalf("the server does not say where it listens: %v", err)
	}
	_, s.url, _ = strings.Cut(strings.TrimSpace(line), "listens on ")
	return s
}

// addr is the address to start another server on.
func (s *server) addr() string {
	return strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/")
}

// stop ends the server with a signal and waits for it.
func (s *server) stop(t *testing.T) {
	t.Helper()
	_ = s.process.Process.Signal(syscall.SIGTERM)
	if err := s.process.Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if s.complaints.Len() > 0 {
		t.Errorf("the server complained:\n%s", s.complaints.String())
	}
}
