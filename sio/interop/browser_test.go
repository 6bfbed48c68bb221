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
	url := startProgram(t, program)
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
	browser := exec.CommandContext(ctx, "node", "browser.mjs", chromium, url, shots)
	var complaints strings.Builder
	browser.Stderr = &complaints
	out, err := browser.StdoutPipe()
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
		t.Logf("%s: yes", done.Step)
	}
	if err := browser.Wait(); err != nil {
		t.Fatalf("after %d steps: %v\n%s", steps, err, complaints.String())
	}
	t.Logf("screenshots are in %s", shots)
}

// startProgram starts the server on a free port and gives the address that it
// prints; at the end of the test a signal ends it.
func startProgram(t *testing.T, program string) string {
	t.Helper()
	server := exec.Command(program, "-addr", "127.0.0.1:0", "-log-level", "warn")
	var complaints strings.Builder
	server.Stderr = &complaints
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		if err := server.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if complaints.Len() > 0 {
			t.Errorf("the server complained:\n%s", complaints.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server does not say where it listens: %v", err)
	}
	_, url, _ := strings.Cut(strings.TrimSpace(line), "listens on ")
	return url
}
