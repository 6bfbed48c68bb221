package exampletest

import (
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

//go:embed stock.mjs
var script string

// packages is the folder that has the stock client, from that of a test.
const packages = "../../../sio/interop"

// Stock connects the stock client with its defaults, which begins with polling
// and upgrades to WebSocket, emits an event over the latter, and returns the
// JSON of the acknowledgement. Without Node it skips the test, or fails it in
// CI.
func Stock(t *testing.T, url string, options map[string]any, event, arg string) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(packages + "/node_modules/socket.io-client")
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("missing: %v (make test installs it)", err)
		}
		t.Skipf("missing: %v (make test installs it)", err)
	}
	task, err := json.Marshal(map[string]any{"url": url, "options": options, "event": event, "arg": arg})
	if err != nil {
		t.Fatal(err)
	}
	process := exec.CommandContext(t.Context(), node, "--input-type=module", "-e", script, string(task))
	process.Dir = packages
	process.Stderr = os.Stderr
	answer, err := process.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}
