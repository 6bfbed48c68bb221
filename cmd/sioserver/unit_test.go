package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestUnit: systemd understands the units, and finds the sandbox tight.
func TestUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("missing: systemd-analyze (make test installs it)")
		}
		t.Skip("missing: systemd-analyze (make test installs it)")
	}
	unit, err := os.ReadFile("deploy/sioserver.service")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, socket := filepath.Join(dir, "sioserver.service"), filepath.Join(dir, "sioserver.socket")
	activation, err := os.ReadFile("deploy/sioserver.socket")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(socket, activation, 0o600); err != nil {
		t.Fatal(err)
	}
	// verify wants programs that exist.
	text := strings.ReplaceAll(string(unit), "/usr/local/bin/sioserver", "/bin/true")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=no", file, socket).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	out, err := exec.Command(analyze, "security", "--offline=yes", "--no-pager", file).CombinedOutput()
	m := regexp.MustCompile(`exposure level for sioserver.service: ([0-9.]+)`).FindSubmatch(out)
	if err != nil || m == nil {
		t.Fatalf("security: %v\n%s", err, out)
	}
	if level, err := strconv.ParseFloat(string(m[1]), 64); err != nil || level > 2 {
		t.Errorf("the exposure level is %s; it was 1.4\n%s", m[1], out)
	}
}

// TestUnitsCommandLine: the program understands what the unit runs.
func TestUnitsCommandLine(t *testing.T) {
	unit, err := os.ReadFile("deploy/sioserver.service")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "sioserver.toml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^ExecStartPre=/usr/local/bin/sioserver (.*)$`).FindStringSubmatch(string(unit))
	if m == nil {
		t.Fatal("the unit does not check its configuration")
	}
	var stdout, stderr strings.Builder
	args := strings.Fields(strings.Replace(m[1], "/etc/sioserver.toml", config, 1))
	if code := run(args, &stdout, &stderr, nil); code != exitDone {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
}
