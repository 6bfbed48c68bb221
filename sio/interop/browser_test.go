package interop

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestDemoInBrowser builds and starts sioserver, and lets
// Chromium use the demo page. The screenshots stay where the log says.
func TestDemoInBrowser(t *testing.T) {
	need(t, []string{"node", "chromium"}, "node_modules/playwright-core", "../../cmd/sioserver/client/socket.io.js")
	program := build(t)
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
