package interop

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// build compiles sioserver and gives its path.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "sioserver")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/sioserver").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// server is a running sioserver.
type server struct {
	process    *exec.Cmd
	url        string
	complaints strings.Builder // complete when it has stopped
}

// startProgram starts the server and reads the address that it prints.
func startProgram(t *testing.T, program, addr string, args ...string) *server {
	t.Helper()
	s := &server{process: exec.Command(program, append([]string{"-addr", addr, "-log-level", "warn"}, args...)...)}
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
