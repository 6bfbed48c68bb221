//go:build linux

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/bench/benchtest"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/run"
)

func TestMain(m *testing.M) { benchtest.Main(m) }

// files makes a folder with one profile and this test binary as the only
// server, and returns the flags to use it.
func files(t *testing.T, profile string) (dir string, args []string) {
	dir = t.TempDir()
	server := benchtest.Peer(benchtest.Floor)
	toml := "command = ['" + server.Command[0] + "']\nstats = true\ntransports = ['websocket']\nfeatures = { files = [] }\n[env]\n"
	for name, value := range server.Env {
		toml += name + " = '" + value + "'\n"
	}
	for name, text := range map[string]string{"test.toml": profile, "servers/floor.toml": toml} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, []string{"-profiles", dir, "-servers", filepath.Join(dir, "servers"), "-server-cores", "0", "-load-cores", "0"}
}

func results(t *testing.T, dir string) []result.Record {
	file, err := os.Open(filepath.Join(dir, "results", "results.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	records, err := result.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

const idle = "title = 'Idle'\nkind = 'idle'\nruns = 1\nsettle = '10ms'\nsteps = [0, 5]\npeers = ['floor']\n"

func TestMeasureAndDrawAgain(t *testing.T) {
	dir, args := files(t, idle)
	var out, log bytes.Buffer
	if code := command(t.Context(), args, &out, &log); code != 0 {
		t.Fatalf("exit status %d: %s", code, &log)
	}
	if !strings.Contains(out.String(), "Idle (test)") || !strings.Contains(out.String(), "RSS B/client") {
		t.Errorf("table:\n%s", &out)
	}
	records := results(t, dir)
	if len(records) != 3 || records[0].Machine == nil || records[1].Peer != "floor" || records[2].Type != result.End || records[2].Partial {
		t.Errorf("%+v", records)
	}
	for _, ending := range []string{"svg", "png"} {
		chart := filepath.Join(dir, "results", "test."+ending)
		if err := os.Remove(chart); err != nil {
			t.Fatal(err)
		}
		if code := command(t.Context(), append(args, "-draw", filepath.Join(dir, "results", "results.jsonl")), &out, &log); code != 0 {
			t.Fatalf("draw: exit status %d: %s", code, &log)
		}
		if _, err := os.Stat(chart); err != nil {
			t.Error(err)
		}
	}
}

// trigger is a log that does something when it gets a text.
type trigger struct {
	bytes.Buffer
	on string
	do func()
}

func (t *trigger) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(t.on)) {
		t.do()
	}
	return t.Buffer.Write(b)
}

func TestAnInterruptLeavesAPartialResult(t *testing.T) {
	dir, args := files(t, "kind = 'waves'\nruns = 1\nsettle = '1ms'\nsteps = [5, 1]\nhold = '30s'\nsample = '5ms'\npeers = ['floor']\n")
	ctx, cancel := context.WithCancelCause(t.Context())
	var out bytes.Buffer
	log := trigger{on: "run 1  clients", do: func() { cancel(run.Interrupted()) }}
	if code := command(ctx, args, &out, &log); code != 130 {
		t.Errorf("exit status %d: %s", code, &log)
	}
	records := results(t, dir)
	last := records[len(records)-1]
	if last.Type != result.End || !last.Partial {
		t.Errorf("last record %+v", last)
	}
	if middle := records[1]; middle.Error != "interrupted" || len(middle.Series) == 0 {
		t.Errorf("interrupted run: error %q, %d samples", middle.Error, len(middle.Series))
	}
}

func TestAFailedRunIsAFailure(t *testing.T) {
	dir, args := files(t, "kind = 'echo'\nruns = 1\nsettle = '1ms'\nclients = 1000000\nin_flight = 1\nduration = '1s'\npeers = ['floor']\n")
	var out, log bytes.Buffer
	if code := command(t.Context(), args, &out, &log); code != 1 || !strings.Contains(log.String(), "need more descriptors") {
		t.Errorf("exit status %d: %s", code, &log)
	}
	if !strings.Contains(out.String(), "FAILED  floor: 1000000 clients") {
		t.Errorf("table:\n%s", &out)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "results")); len(left) > 0 {
		t.Errorf("a run that measured nothing left %v", left)
	}
}

func TestAnAttackThatSucceedsIsAFailureAndAResult(t *testing.T) {
	dir, args := files(t, "title = 'Range'\nkind = 'attack'\nruns = 1\nclients = 3\nrate = 100\nsettle = '1ms'\nwindow = '50ms'\nduration = '1h'\n"+
		"after = '60ms'\npeak_mb = 1\nattacks = ['descriptors']\npeers = ['floor']\n")
	var out, log bytes.Buffer
	args = append(args, "-duration", "200ms")
	if code := command(t.Context(), args, &out, &log); code != 1 || !strings.Contains(log.String(), "FAILED: test, floor, run 1: the attack succeeds: the server held") {
		t.Errorf("exit status %d: %s", code, &log)
	}
	table, err := os.ReadFile(filepath.Join(dir, "results", "attacks.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{out.String(), string(table)} {
		if !strings.Contains(text, "Range (test)") || !strings.Contains(text, "| descriptors | floor |") || !strings.Contains(text, "more than 1 |") {
			t.Errorf("table:\n%s", text)
		}
	}
	if records := results(t, dir); len(records) != 3 || records[1].Attack != "descriptors" || records[1].Figures["p99_before_us"] <= 0 {
		t.Errorf("%+v", records)
	}
}

func TestAFailedRunKeepsEarlierResults(t *testing.T) {
	dir, args := files(t, idle)
	var out, log bytes.Buffer
	if code := command(t.Context(), args, &out, &log); code != 0 {
		t.Fatalf("exit status %d: %s", code, &log)
	}
	profile := strings.Replace(idle, "5]", "1000000]", 1)
	if err := os.WriteFile(filepath.Join(dir, "test.toml"), []byte(strings.Replace(profile, "[0,", "[999999,", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if code := command(t.Context(), args, &out, &log); code != 1 {
		t.Fatalf("exit status %d: %s", code, &log)
	}
	if records := results(t, dir); len(records) != 3 || records[1].Error != "" {
		t.Errorf("%+v", records)
	}
}

func TestOnCINothingIsLeftOut(t *testing.T) {
	_, args := files(t, "kind = 'cluster'\nclients = 1\nin_flight = 1\nduration = '1s'\npeers = ['floor']\n")
	t.Setenv("PATH", t.TempDir()) // no redis-server
	for environment, want := range map[string]int{"": 0, "true": 1} {
		t.Setenv("CI", environment)
		var out, log bytes.Buffer
		if code := command(t.Context(), args, &out, &log); code != want || !strings.Contains(log.String(), "left out: test: peer: there is no redis-server") {
			t.Errorf("CI=%q: exit status %d: %s", environment, code, &log)
		}
	}
}

func TestList(t *testing.T) {
	_, args := files(t, idle)
	var out, log bytes.Buffer
	if code := command(t.Context(), append(args, "-list"), &out, &log); code != 0 || !strings.Contains(out.String(), "Idle") || !strings.Contains(out.String(), "floor") {
		t.Errorf("exit status %d: %s%s", code, &out, &log)
	}
}

func TestCommandLineErrors(t *testing.T) {
	_, good := files(t, idle)
	_, bad := files(t, "kind = 'idle'\n")
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"help", []string{"-h"}, 0, "go run ./bench"},
		{"unknown flag", []string{"-fast"}, 2, "-fast"},
		{"argument", append(good, "echo"), 2, `unexpected argument "echo"`},
		{"bad expression", append(good, "-run", "("), 2, "-run"},
		{"bad cores", append(good, "-server-cores", "x"), 2, "-server-cores"},
		{"absent cores", append(good, "-server-cores", "1000"), 2, "-server-cores: there is no core 1000"},
		{"a negative duration", append(good, "-duration", "-1s"), 2, "-duration"},
		{"negative runs", append(good, "-runs", "-1"), 2, "-runs"},
		{"nothing matches", append(good, "-run", "nothing"), 1, `matches "nothing"`},
		{"unknown server", append(good, "-peers", "apache"), 1, `no server "apache"; there are floor`},
		{"bad profile", bad, 1, `test.toml: kind "idle" needs the setting "steps"`},
		{"no results", append(good, "-draw", filepath.Join(t.TempDir(), "none.jsonl")), 1, "none.jsonl"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, log bytes.Buffer
			if code := command(t.Context(), tc.args, &out, &log); code != tc.code || !strings.Contains(log.String(), tc.want) {
				t.Errorf("exit status %d, want %d: %s", code, tc.code, &log)
			}
		})
	}
}
